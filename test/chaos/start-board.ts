import type { ManagedProcess } from "./managed-process.js";

/** A pool's report that it began to execute a task. */
export interface Start {
  id: string;
  /** The name of the process. */
  host: string;
  worker: string;
  /** On the machine's clock, in milliseconds. */
  at: number;
}

/** Where callers wait for pools to begin their tasks. */
export class StartBoard {
  readonly #waiting = new Map<string, (start: Start) => void>();

  /** Listens to a pool. Must be called before the pool begins any task. */
  watch(pool: ManagedProcess): void {
    pool.onMessage("started", (message) => {
      const start = message as unknown as Start;
      this.#waiting.get(start.id)?.(start);
      this.#waiting.delete(start.id);
    });
  }

  /** Waits for the next execution of that task. Must be called before it can begin. */
  next(id: string): Promise<Start> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}
