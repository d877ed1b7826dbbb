import { mkdirSync } from "node:fs";
import { systemClock } from "../../src/base/clock.js";
import { Process } from "./process.js";
import type { ProgramKind } from "./programs.js";
import { type CallerReport, failuresOf, type WorkerReport } from "./report.js";

/** How long one event of a run may take, in milliseconds; after that the run has failed. */
const PATIENCE_MS = 90_000;

/** How often a run says how far it has come, in milliseconds. */
const PROGRESS_MS = 10_000;

/** What every run is given. */
export interface RunOptions {
  /** The programs that can be started. */
  kinds: readonly ProgramKind[];
  /** The folder for the logs of its programs. */
  folder: string;
  /** Reports progress. */
  say(line: string): void;
}

/** A program of a run, with what it last reported. */
export interface Member<Report> {
  kind: ProgramKind;
  process: Process;
  report: Report;
}

/** What a calling program is to do. */
export interface CallerTask {
  /** The hub's address. */
  hub: string;
  /** How many calls it has in flight. */
  callers: number;
  /** How long each job takes, in milliseconds. */
  jobMs: number;
  /** How many calls to make; by default until it is stopped. */
  count?: number;
  env?: Record<string, string>;
}

/** What became of one program. */
export interface Verdict {
  name: string;
  role: "client" | "worker";
  pass: boolean;
  text: string;
}

/** Hubs, workers and callers of one run, each in a process of its own. */
export class Crew {
  readonly workers: Member<WorkerReport>[] = [];
  readonly callers: Member<CallerReport>[] = [];
  readonly #folder: string;
  readonly #processes: Process[] = [];
  /** Those that may end. */
  readonly #leaving = new Set<Process>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs `body` with a crew whose logs go to `folder`, and kills the crew afterwards. */
  static async use<T>(folder: string, body: (crew: Crew) => Promise<T>): Promise<T> {
    mkdirSync(folder, { recursive: true });
    const crew = new Crew(folder);
    try {
      return await body(crew);
    } finally {
      for (const one of crew.#processes) one.signal("SIGKILL");
      await Promise.all(crew.#processes.map(({ ended }) => ended));
    }
  }

  /** Starts a hub and waits until it listens at `address`. */
  async startHub(address: string): Promise<Process> {
    let isListening = false;
    const command = [process.execPath, "bin/gibbs.js", "hub", "--listen", address];
    const hub = this.#start("hub", command, {}, (line) => {
      isListening ||= line.startsWith("gibbs hub listening on ");
    });
    await this.until(() => isListening, "the hub listens");
    return hub;
  }

  /** Stops a hub by SIGTERM and waits until it has ended. */
  async stopHub(hub: Process): Promise<void> {
    this.#leaving.add(hub);
    hub.signal("SIGTERM");
    const code = await hub.ended;
    if (code !== 0) throw new Error(`the hub ended with ${code}: ${hub.lastWords()}`);
  }

  /** Lets a program end, and waits until it has. */
  async release(process: Process, how: "end of input" | "SIGTERM"): Promise<void> {
    this.#leaving.add(process);
    if (how === "SIGTERM") process.signal(how);
    else process.endInput();
    await this.until(() => process.isOver, `${process.name} ends`);
  }

  /** Kills a hub and waits until it has ended. */
  async killHub(hub: Process): Promise<void> {
    this.#leaving.add(hub);
    hub.signal("SIGKILL");
    await hub.ended;
  }

  addWorker(kind: ProgramKind, hub: string, slots: number, env = {}): Member<WorkerReport> {
    const name = `${kind.name} worker`;
    const settings = { GIBBS_HUB: hub, SOAK_NAME: kind.name, SOAK_SLOTS: String(slots), ...env };
    const report: WorkerReport = { ready: false, begun: 0 };
    const process = this.#start(name, kind.command, settings, (line) =>
      Object.assign(report, JSON.parse(line)),
    );
    const member = { kind, process, report };
    this.workers.push(member);
    return member;
  }

  addCaller(kind: ProgramKind, task: CallerTask): Member<CallerReport> {
    const settings = {
      GIBBS_HUB: task.hub,
      SOAK_NAME: kind.name,
      SOAK_CALLERS: String(task.callers),
      SOAK_JOB_MS: String(task.jobMs),
      ...(task.count !== undefined && { SOAK_COUNT: String(task.count) }),
      ...task.env,
    };
    const report: CallerReport = { answered: 0, wrong: 0, errors: {}, by: {}, done: false };
    const process = this.#start(kind.name, kind.command, settings, (line) =>
      Object.assign(report, JSON.parse(line)),
    );
    const member = { kind, process, report };
    this.callers.push(member);
    return member;
  }

  /** Waits until `holds`, which is tried after every event. */
  until(holds: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const stops: (() => void)[] = [];
      const settle = (error?: Error): void => {
        for (const stop of stops) stop();
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = (): void => {
        const dead = this.#processes.find((one) => one.isOver && !this.#leaving.has(one));
        if (dead !== undefined) settle(new Error(`${dead.name} ended: ${dead.lastWords()}`));
        else if (holds()) settle();
      };
      const late = systemClock.setTimer(patienceMs, () =>
        settle(new Error(`after ${patienceMs / 1000} s still not: ${what}`)),
      );
      stops.push(() => late.cancel(), ...this.#processes.map((one) => one.onChange(check)));
      check();
    });
  }

  /** Waits until every worker has been connected, and every caller has had an answer. */
  async settled(): Promise<void> {
    await this.until(() => this.workers.every(({ report }) => report.ready), "workers connect");
    const all = (): boolean => this.callers.every(({ report }) => report.answered > 0);
    await this.until(all, "every client has an answer");
  }

  /** Waits until every caller that is still running has had `count` more answers. */
  async answered(count: number): Promise<void> {
    const wanted = this.callers
      .filter(({ process }) => !process.isOver)
      .map(({ kind, report }) => ({ kind, report, least: report.answered + count }));
    const missing = (): string[] =>
      wanted.filter(({ report, least }) => report.answered < least).map(({ kind }) => kind.name);
    await this.until(() => missing().length === 0, "every client is answered").catch(
      (error: Error) => {
        throw new Error(`${error.message} (${missing().join(", ")})`);
      },
    );
  }

  /** Waits, however long it takes, until a caller has had `count` answers, or has no more calls. */
  async reaches({ report, kind }: Member<CallerReport>, count: number): Promise<void> {
    while (report.answered < count && !report.done) {
      const before = report.answered;
      const isNext = (): boolean => report.answered > before || report.done;
      await this.until(isNext, `${kind.name} is answered: ${this.progress()}`);
    }
  }

  /**
   * Lets the callers finish their calls, then the workers their jobs; says what became of each. A
   * job without an answer is a lost one, unless jobs may be repeated.
   */
  async finish(repeats?: "jobs may be repeated"): Promise<Verdict[]> {
    await Promise.all(this.callers.map(({ process }) => this.release(process, "end of input")));
    await Promise.all(this.workers.map(({ process }) => this.release(process, "SIGTERM")));
    const answersOf = (worker: string): number =>
      this.callers.reduce((sum, { report }) => sum + (report.by[worker] ?? 0), 0);
    return [
      ...this.callers.map(({ kind, report }) => callerVerdict(kind.name, report)),
      ...this.workers.map(({ kind, report }) =>
        workerVerdict(kind.name, report, answersOf(kind.name), repeats !== undefined),
      ),
    ];
  }

  /** Lets everything run, and calls `say` with the counts so far every 10 s. */
  async forMinutes(minutes: number, say: (progress: string) => void): Promise<void> {
    const endsAt = systemClock.now() + minutes * 60_000;
    while (systemClock.now() < endsAt) {
      const sayAt = Math.min(endsAt, systemClock.now() + PROGRESS_MS);
      await this.until(() => systemClock.now() >= sayAt, "time goes by");
      say(this.progress());
    }
  }

  /** All counts so far, for a line of progress. */
  progress(): string {
    const sum = (of: (report: CallerReport) => number): number =>
      this.callers.reduce((total, { report }) => total + of(report), 0);
    return `${sum((one) => one.answered)} answered, ${sum(failuresOf)} failed`;
  }

  #start(
    name: string,
    command: readonly string[],
    env: Record<string, string>,
    onLine: (line: string) => void,
  ): Process {
    const started = new Process(name, command, this.#folder, env, onLine);
    this.#processes.push(started);
    return started;
  }
}

function callerVerdict(name: string, report: CallerReport): Verdict {
  const { answered, wrong, errors, by, done } = report;
  const failed = failuresOf(report);
  const shares = Object.entries(by).map(([worker, count]) => `${worker} ${count}`);
  const text = [
    `${answered} answered (${shares.join(", ")})`,
    `${failed} failed${failed === 0 ? "" : ` ${JSON.stringify(errors)}`}`,
    `${wrong} wrong${done ? "" : ", did not finish"}`,
  ].join(", ");
  const pass = answered > 0 && failed === 0 && wrong === 0 && done;
  return { name, role: "client", pass, text };
}

function workerVerdict(
  name: string,
  { begun }: WorkerReport,
  answered: number,
  mayRepeat: boolean,
): Verdict {
  const lost = mayRepeat ? "" : `, ${begun - answered} lost`;
  const pass = begun > 0 && (mayRepeat ? begun >= answered : begun === answered);
  return { name, role: "worker", pass, text: `${begun} jobs begun, ${answered} answered${lost}` };
}
