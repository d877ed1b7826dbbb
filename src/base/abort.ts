import { setMaxListeners } from "node:events";

/**
 * Calls `callback` when `signal` fires, at once if it has fired, until the
 * returned function is called. Any number may listen to one signal: that many
 * calls share it is no leak, which Node would otherwise warn of.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    callback();
    return nothing;
  }
  // A polyfill's is none of Node's, and has no such limit.
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
  signal.addEventListener("abort", callback);
  return () => signal.removeEventListener("abort", callback);
}

function nothing(): void {}

/** An `AbortController` whose signal is made only when somebody wants it: most are never looked at. */
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
