import { delay, systemClock } from "#dist/base/clock.js";
import { monotonicMs } from "../monotonic.js";
import { tell } from "./serve.js";

/** A job that takes a time. */
export interface Timed {
  /** How long, in milliseconds. */
  ms: number;
}

/** What it answers: how long it took really, in milliseconds. */
export interface Taken {
  ms: number;
}

/** What a handler may be told beside its input. */
export interface Context {
  signal?: AbortSignal;
  attempt?: number;
}

/** What the workers of every peer run. */
export type Handler = (input: unknown, context?: Context) => Promise<unknown>;

const BRIEF_MS = 2;

let briefDone = 0;

/** The handlers of the workers, by name. */
export const handlers = { echo, brief, timed, telling } satisfies Record<string, Handler>;

/** The name of a handler. */
export type HandlerName = keyof typeof handlers;

/** Does nothing. */
async function echo(input: unknown): Promise<unknown> {
  return input;
}

/** Takes a little, so that whoever asks keeps up with whoever answers. */
async function brief(input: unknown): Promise<unknown> {
  await delay(systemClock, BRIEF_MS);
  briefDone += 1;
  return input;
}

/** How many jobs of `brief` this process has done. */
export function briefJobs(): number {
  return briefDone;
}

/** Waits by a timer, as for another service. */
async function timed(input: unknown): Promise<Taken> {
  const startedAt = performance.now();
  await delay(systemClock, (input as Timed).ms);
  return { ms: performance.now() - startedAt };
}

/**
 * Tells when its first attempt starts, and when that is cancelled, for which it
 * waits; tells when another attempt starts, and answers that.
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
