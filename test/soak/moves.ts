import { mkdirSync } from "node:fs";
import { systemClock } from "../../src/base/clock.js";
import { findPort } from "../chaos/find-port.js";
import { Crew, type Member, type RunOptions, type Verdict } from "./crew.js";
import { MovingName } from "./names.js";
import type { Process } from "./process.js";
import { generatedCallers, type ProgramKind, sdkCallers, workers } from "./programs.js";
import type { CallerReport, WorkerReport } from "./report.js";

const ADDRESSES = ["127.0.0.2", "127.0.0.3"] as const;
const CALLERS = 4;
const SLOTS = 32;
const JOB_MS = 50;
/** How many answers every client must get between two moves. */
const ANSWERS_BETWEEN = 40;
/** How soon the first answer must come from the new hub, in milliseconds. */
const WITHIN_MS = 5000;

/** What becomes of the hub at the old address. */
type Fate = "drains" | "is killed";

/**
 * Two hubs at one of the addresses: one for the clients of the run, with a worker of its own, and
 * one for its workers, with a client of its own. These two dial the address, all others the name.
 */
interface Place {
  hubs: Process[];
  worker: Member<WorkerReport>;
  client: Member<CallerReport>;
}

/** The ports of the hubs at both addresses. */
interface Ports {
  clients: number;
  workers: number;
}

/** A program that is expected at the new hub. */
interface Mover {
  key: string;
  hasArrived(): boolean;
}

/**
 * The address of a hub's name changes under load, and the hub at the old one drains, or is killed,
 * in turn. No call may fail, and each client and worker must be at the new hub within 5 s.
 */
export async function moves(options: RunOptions & { moves: number }): Promise<Verdict[]> {
  const { folder, say } = options;
  const kinds = options.kinds.filter((kind) => !generatedCallers.includes(kind));
  mkdirSync(folder, { recursive: true });
  const name = await MovingName.start(folder, ADDRESSES[0]);
  try {
    return await Crew.use(folder, async (crew) => {
      const run = await Moves.start(crew, name, kinds);
      for (let count = 1; count <= options.moves; count += 1) {
        const fate = count % 2 === 1 ? "drains" : "is killed";
        await run.move(count, fate);
        say(`move ${count}, the old hub ${fate}: ${crew.progress()}`);
      }
      return await run.finish();
    });
  } finally {
    name.close();
  }
}

class Moves {
  readonly #crew: Crew;
  readonly #name: MovingName;
  readonly #ports: Ports;
  readonly #residents: { worker: ProgramKind; caller: ProgramKind };
  /** The longest time that each has taken to arrive, in milliseconds. */
  readonly #slowestMs = new Map<string, number>();
  readonly #clients: Member<CallerReport>[] = [];
  #place: Place | undefined;

  private constructor(
    crew: Crew,
    name: MovingName,
    ports: Ports,
    residents: { worker: ProgramKind; caller: ProgramKind },
  ) {
    this.#residents = residents;
    this.#crew = crew;
    this.#name = name;
    this.#ports = ports;
  }

  static async start(crew: Crew, name: MovingName, kinds: readonly ProgramKind[]): Promise<Moves> {
    const ports = { clients: await findPort(), workers: await findPort() };
    const run = new Moves(crew, name, ports, residentsOf(kinds));
    run.#place = await run.#open(0);
    for (const kind of kinds) {
      if (workers.includes(kind)) run.#addWorker(kind);
      else run.#clients.push(run.#addClient(kind, run.#ports.clients));
    }
    // Keeps the workers busy wherever they are.
    run.#addClient({ ...run.#residents.caller, name: "load" }, run.#ports.workers);
    await crew.settled();
    return run;
  }

  /** Moves the name to the other address. */
  async move(count: number, fate: Fate): Promise<void> {
    await this.#crew.answered(ANSWERS_BETWEEN);
    const old = this.#place;
    const next = await this.#open(count);
    this.#place = next;
    if (old !== undefined) await this.#crew.release(old.client.process, "end of input");
    const movedAt = systemClock.now();
    this.#name.move(addressOf(count));
    const ended = (old?.hubs ?? []).map((hub) =>
      fate === "drains" ? this.#crew.stopHub(hub) : this.#crew.killHub(hub),
    );
    const missing = new Set(this.#movers(next));
    const look = (): boolean => {
      for (const mover of missing) if (mover.hasArrived()) this.#arrived(mover, movedAt, missing);
      return missing.size === 0;
    };
    await Promise.all([this.#crew.until(look, "everyone is at the new hub"), ...ended]);
    if (old !== undefined) await this.#crew.release(old.worker.process, "SIGTERM");
  }

  async finish(): Promise<Verdict[]> {
    const verdicts = await this.#crew.finish("jobs may be repeated");
    return verdicts.flatMap((verdict) => {
      const tookMs = this.#slowestMs.get(`${verdict.role} ${verdict.name}`);
      // Those that dial an address matter only if they fail.
      if (tookMs === undefined) return verdict.pass ? [] : verdict;
      const text = `${verdict.text}; at a new hub within ${(tookMs / 1000).toFixed(1)} s`;
      return { ...verdict, text, pass: verdict.pass && tookMs <= WITHIN_MS };
    });
  }

  #arrived(mover: Mover, movedAt: number, missing: Set<Mover>): void {
    missing.delete(mover);
    const tookMs = systemClock.now() - movedAt;
    this.#slowestMs.set(mover.key, Math.max(tookMs, this.#slowestMs.get(mover.key) ?? 0));
  }

  #movers({ worker: home, client: observer }: Place): Mover[] {
    return [
      ...this.#clients.map(({ kind, report }) => ({
        key: `client ${kind.name}`,
        hasArrived: () => report.by[home.kind.name] !== undefined,
      })),
      ...this.#crew.workers
        .filter(({ kind }) => workers.some(({ name }) => name === kind.name))
        .map(({ kind }) => ({
          key: `worker ${kind.name}`,
          hasArrived: () => observer.report.by[kind.name] !== undefined,
        })),
    ];
  }

  /** Starts the hubs at an address, with those that dial the address. */
  async #open(count: number): Promise<Place> {
    const { worker, caller } = this.#residents;
    const address = addressOf(count);
    const forClients = `${address}:${this.#ports.clients}`;
    const forWorkers = `${address}:${this.#ports.workers}`;
    const hubs = await Promise.all([forClients, forWorkers].map((at) => this.#crew.startHub(at)));
    const home = this.#crew.addWorker({ ...worker, name: `home ${count}` }, forClients, SLOTS);
    const task = { hub: forWorkers, callers: CALLERS, jobMs: JOB_MS };
    const client = this.#crew.addCaller({ ...caller, name: `observer ${count}` }, task);
    const isReady = (): boolean => home.report.ready && client.process.isStarted;
    await this.#crew.until(isReady, "the new hub has a worker and a client");
    return { hubs, worker: home, client };
  }

  #addWorker(kind: ProgramKind): void {
    const { seen, env } = this.#resolving(kind);
    this.#crew.addWorker(seen, `${this.#name.name}:${this.#ports.workers}`, SLOTS, env);
  }

  #addClient(kind: ProgramKind, port: number): Member<CallerReport> {
    const { seen, env } = this.#resolving(kind);
    return this.#crew.addCaller(seen, {
      hub: `${this.#name.name}:${port}`,
      callers: CALLERS,
      jobMs: JOB_MS,
      // A call that is with a hub when that is killed must be sent again.
      env: { ...env, SOAK_IDEMPOTENT: "yes" },
    });
  }

  /** How a program learns the address of the name. */
  #resolving(kind: ProgramKind): { seen: ProgramKind; env: Record<string, string> } {
    if (kind.language === "Go") return { seen: kind, env: { SOAK_DNS: this.#name.dns } };
    return { seen: { ...kind, command: this.#name.seenBy(kind.command) }, env: {} };
  }
}

/** The programs that dial addresses: Go's if there are any, which take the least CPU. */
function residentsOf(kinds: readonly ProgramKind[]): { worker: ProgramKind; caller: ProgramKind } {
  const pick = (among: readonly ProgramKind[]): ProgramKind => {
    const present = kinds.filter((kind) => among.includes(kind));
    const picked = present.find(({ language }) => language === "Go") ?? present[0];
    if (picked === undefined) throw new Error("this run needs a worker and a client");
    return picked;
  };
  return { worker: pick(workers), caller: pick(sdkCallers) };
}

function addressOf(count: number): string {
  return ADDRESSES[count % 2] ?? ADDRESSES[0];
}
