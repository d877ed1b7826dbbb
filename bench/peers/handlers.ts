import { delay, systemClock } from "#dist/base/clock.js";
import { monotonicMs } from "../monotonic.js";
import { tell } from "./serve.js";

/** A job with a given duration. */
export interface Timed {
  /** Its duration, in milliseconds. */
  ms: number;
}

/** Its answer: the measured duration, in milliseconds. */
export interface Taken {
  ms: number;
}

/** What a handler may receive in addition to its input. */
export interface Context {
  signal?: AbortSignal;
  attempt?: number;
}

/** A handler that the workers of all peers run. */
export type Handler = (input: unknown, context?: Context) => Promise<unknown>;

const BRIEF_MS = 2;

let briefDone = 0;

/** The handlers of the workers, by name. */
export const handlers = { echo, brief, timed, telling } satisfies Record<string, Handler>;

/** The name of a handler. */
export type HandlerName = keyof typeof handlers;

/** Returns its input. */
async function echo(input: unknown): Promise<unknown> {
  return input;
}

/** Takes a little time, so that the callers can keep up with the workers. */
async function brief(input: unknown): Promise<unknown> {
  await delay(systemClock, BRIEF_MS);
  briefDone += 1;
  return input;
}

/** The number of `brief` jobs that this process has finished. */
export function briefJobs(): number {
  return briefDone;
}

/** Waits for a timer, as if for another service. */
async function timed(input: unknown): Promise<Taken> {
  const startedAt = performance.now();
  await delay(systemClock, (input as Timed).ms);
  return { ms: performance.now() - startedAt };
}

/**
 * On the first attempt, reports the start, waits to be cancelled, and reports that. On any other
 * attempt, reports the start and answers.
 */
async function telling(input: unknown, { signal, attempt = 1 }: Context = {}): Promise<unknown> {
  const id = Number(input);
  tell("started", id, monotonicMs());
  if (attempt > 1) return id;
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => {
      tell("cancelled", id, monotonicMs());
      resolve(null);
    });
  });
}
