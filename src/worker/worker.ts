import { withDefaults } from "../base/options/option-table.js";
import { onShutdownSignals } from "../base/signals.js";
import { buildHandlers, type Handlers } from "./handler.js";
import { InProcessExecutor } from "./in-process.js";
import { WorkerLoop } from "./loop.js";
import { type WorkerOptions, workerOptionTable } from "./options.js";

/**
 * A worker in this process.
 *
 * ```ts
 * const worker = new Worker((x: number) => x ** 2);
 * await worker.run();
 * ```
 *
 * With one slot, the handler may block for a few seconds; a handler that blocks longer needs
 * separate processes: `startWorkers` or `gibbs worker`.
 */
export class Worker {
  readonly #loop: WorkerLoop;
  readonly #handleSignals: boolean;

  /**
   * Instantiates the handler if it is a class. Defaults are documented in {@link WorkerOptions}.
   *
   * @throws GibbsError INVALID_ARGUMENT: NO_HANDLER, BAD_OPTION, BAD_ADDRESS, and whatever a
   * constructor throws.
   */
  constructor(handlers: Handlers, options: WorkerOptions = {}) {
    const settings = withDefaults(workerOptionTable, options);
    const table = buildHandlers(handlers, settings.method, settings.args);
    const executor = new InProcessExecutor(table, options.idempotent, settings);
    this.#loop = new WorkerLoop(executor, options);
    this.#handleSignals = settings.handleSignals;
  }

  /** Resolves when a hub first welcomes the worker; rejects if the worker stops before that. */
  get connected(): Promise<void> {
    return this.#loop.connected;
  }

  /**
   * Serves until the worker is drained or closed, reconnecting whenever the connection is lost.
   * Meanwhile the first SIGTERM or SIGINT drains it, and a second one closes it.
   *
   * @throws GibbsError if the hub refuses the worker permanently.
   */
  async run(): Promise<void> {
    const stopListening = this.#handleSignals
      ? onShutdownSignals(
          () => void this.drain(),
          () => void this.close(),
        )
      : () => {};
    try {
      await this.#loop.run();
    } finally {
      stopListening();
    }
  }

  /** Finishes running jobs, then ends {@link Worker.run}; closes after `drainTimeoutMs`. */
  drain(): Promise<void> {
    return this.#loop.drain();
  }

  /** Ends {@link Worker.run} immediately. The hub sees the worker as lost. */
  close(): Promise<void> {
    return this.#loop.close();
  }
}
