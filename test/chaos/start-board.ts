import type { ManagedProcess } from "./managed-process.js";

/** That a pool began to execute. */
export interface Start {
  id: string;
  /** The process. */
  host: string;
  worker: string;
  /** On the machine's clock, in milliseconds. */
  at: number;
}

/** Where the executions that pools begin are waited for. */
export class StartBoard {
  readonly #waiting = new Map<string, (start: Start) => void>();

  /** Listens to a pool, from before it begins anything. */
  watch(pool: ManagedProcess): void {
    pool.onMessage("started", (message) => {
      const start = message as unknown as Start;
      this.#waiting.get(start.id)?.(start);
      this.#waiting.delete(start.id);
    });
  }

  /** The next execution of that task. To be called before it can begin. */
  next(id: string): Promise<Start> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}
