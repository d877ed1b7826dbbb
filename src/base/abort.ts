import { setMaxListeners } from "node:events";

/**
 * Calls `callback` when `signal` fires, or immediately if it has already fired. Call the returned
 * function to stop listening. Lifts Node's listener limit, because many calls may legitimately
 * share one signal.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    callback();
    return nothing;
  }
  // A polyfilled signal is not one of Node's EventTargets, and has no such limit.
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
  signal.addEventListener("abort", callback);
  return () => signal.removeEventListener("abort", callback);
}

function nothing(): void {}

/** An `AbortController` that creates its signal on first access: most signals are never used. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #fired: { reason: unknown } | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired !== undefined) this.#controller.abort(this.#fired.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#fired ??= { reason };
    this.#controller?.abort(reason);
  }
}
