import { readFileSync } from "node:fs";
import { median } from "./stats.js";

/** Cumulative counters of the machine, in clock ticks over all cores. */
export interface Ticks {
  total: number;
  /** Time that the hypervisor gave to other machines. */
  stolen: number;
  /** Processes that run or want a core. */
  runnable: number;
}

/** How often the machine is sampled, in milliseconds. */
const INTERVAL_MS = 200;

/** The largest share of stolen time at which a measurement counts. */
const MAX_STOLEN = 0.05;

/** How often a measurement is repeated at most because time was stolen. */
const MAX_REPEATS = 3;

/** Parses the content of `/proc/stat`. */
export function parseStat(text: string): Ticks {
  const cpu = /^cpu +(.*)$/m.exec(text)?.[1]?.split(" ").map(Number) ?? [];
  // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of the first two.
  const times = cpu.slice(0, 8);
  return {
    total: times.reduce((sum, ticks) => sum + ticks, 0),
    stolen: times[7] ?? 0,
    runnable: Number(/^procs_running (\d+)$/m.exec(text)?.[1] ?? Number.NaN),
  };
}

/** The share of time that was stolen between two samples, 0 to 1. */
export function stolenShare(before: Ticks, after: Ticks): number {
  const total = after.total - before.total;
  return total === 0 ? 0 : (after.stolen - before.stolen) / total;
}

/** Watches how loaded the machine is during a run. Measures nothing where there is no `/proc`. */
export class HostLoad {
  readonly #stolen: number[] = [];
  readonly #runnable: number[] = [];
  #repeats = 0;
  readonly #timer: NodeJS.Timeout;
  #last = sample();

  constructor() {
    this.#timer = setInterval(() => this.#sample(), INTERVAL_MS);
  }

  /**
   * Measures with `measure`, again for as long as the hypervisor steals too much time, and calls
   * `onRepeat` with the stolen share before each repetition.
   */
  async steadily<T>(measure: () => Promise<T>, onRepeat: (stolen: number) => void): Promise<T> {
    for (let repeat = 0; ; repeat += 1) {
      const before = sample();
      const measured = await measure();
      const after = sample();
      const stolen = before && after ? stolenShare(before, after) : 0;
      if (stolen <= MAX_STOLEN || repeat === MAX_REPEATS) return measured;
      this.#repeats += 1;
      onRepeat(stolen);
    }
  }

  /** Stops watching, and describes what was seen. */
  stop(): string {
    clearInterval(this.#timer);
    if (this.#stolen.length === 0) return "not measured on this system";
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    const [typical, most] = [median(this.#stolen), Math.max(...this.#stolen)];
    return (
      `${percent(typical)} of the time stolen by the hypervisor (at most ${percent(most)} ` +
      `in ${INTERVAL_MS} ms), ${median(this.#runnable)} runnable processes, the benchmark's own ` +
      `included; ${this.#repeats} measurements repeated`
    );
  }

  #sample(): void {
    const now = sample();
    if (now === undefined || this.#last === undefined) return;
    this.#stolen.push(stolenShare(this.#last, now));
    this.#runnable.push(now.runnable);
    this.#last = now;
  }
}

function sample(): Ticks | undefined {
  try {
    return parseStat(readFileSync("/proc/stat", "utf8"));
  } catch {
    return undefined;
  }
}
