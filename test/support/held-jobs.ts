import type { JobContext } from "../../src/worker/handler.js";

/** A job that runs until the test releases it. */
export interface HeldJob {
  input: unknown;
  context: JobContext;
  /** Returns from the handler. */
  answer(value: unknown): void;
}

/**
 * A handler in this process whose jobs are reported to the test, in order, and ended one by one.
 */
export class HeldJobs {
  readonly #begun: HeldJob[] = [];
  #taken = 0;
  #running = 0;
  #wake: () => void = () => {};
  /** The maximum number of jobs that ran at once. */
  mostAtOnce = 0;

  readonly handler = (input: unknown, context: JobContext): Promise<unknown> =>
    new Promise((resolve) => {
      this.#running += 1;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
      const answer = (value: unknown): void => {
        this.#running -= 1;
        resolve(value);
      };
      this.#begun.push({ input, context, answer });
      this.#wake();
    });

  /** How many jobs have begun. */
  get begun(): number {
    return this.#begun.length;
  }

  /** The next job, once it has begun. */
  async next(): Promise<HeldJob> {
    while (this.#taken >= this.#begun.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#taken += 1;
    return this.#begun[this.#taken - 1] as HeldJob;
  }
}
