import type { Abort, Executor, JobInput, JobOutcome, ServedMethod } from "./executor.js";
import { type HandlerTable, runHandler } from "./handler.js";

/**
 * Runs handlers in this process. A handler that blocks the event loop also blocks the worker's
 * heartbeats.
 */
export class InProcessExecutor implements Executor {
  readonly beatsWhileBusy: boolean;
  readonly methods: readonly ServedMethod[];
  readonly #handlers: HandlerTable;
  readonly #options: { slots: number; maxPayloadBytes: number; sendStacks: boolean };
  #onSlots: (change: number) => void = () => {};

  constructor(
    handlers: HandlerTable,
    idempotent: boolean | undefined,
    options: { slots: number; maxPayloadBytes: number; sendStacks: boolean },
  ) {
    this.#handlers = handlers;
    this.#options = options;
    this.methods = Array.from(handlers.keys(), (name) => ({ name, idempotent }));
    // Several slots in one process are only useful to handlers that do not block.
    this.beatsWhileBusy = options.slots > 1;
  }

  async start(onSlots: (change: number) => void): Promise<void> {
    this.#onSlots = onSlots;
    onSlots(this.#options.slots);
  }

  run(job: JobInput, abort: Abort, done: (outcome: JobOutcome) => void): void {
    this.#onSlots(-1);
    void runHandler(this.#handlers, job, abort, this.#options).then((outcome) => {
      done(outcome);
      this.#onSlots(1);
    });
  }

  async stop(): Promise<void> {
    this.#onSlots = () => {};
  }
}
