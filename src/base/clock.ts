import { onAbort } from "./abort.js";

/**
 * Time as a dependency. Only this file touches timers and the machine's clocks; everything else
 * takes a `Clock`, so that tests can advance time instead of waiting.
 */
export interface Clock {
  /** Milliseconds on a monotonic clock with an arbitrary zero. */
  now(): number;
  /**
   * Calls `callback` once, after `delayMs` (clamped to what a timer supports). A timer in the
   * `background` does not keep the process alive.
   */
  setTimer(delayMs: number, callback: () => void, where?: "background"): Timer;
  /** Calls `callback` once, after the running code returns and before any new input is read. */
  soon(callback: () => void): void;
  /** Calls `callback` once, after all input that has already arrived has been read. */
  afterInput(callback: () => void): void;
}

/** A pending timer. */
export interface Timer {
  /** Prevents the timer from firing. May be called at any time. */
  cancel(): void;
}

/** The longest delay of a Node timer, in milliseconds: 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The real clock, monotonic. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback, where) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    if (where === "background") timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  // Not a microtask: callers whose promises are resolving run first.
  soon: (callback) => process.nextTick(callback),
  afterInput: (callback) => void setImmediate(callback),
};

/** Resolves after `delayMs`, or as soon as `signal` is aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let stopListening = (): void => {};
    const finish = (): void => {
      timer.cancel();
      stopListening();
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish);
    stopListening = onAbort(signal, finish);
  });
}
