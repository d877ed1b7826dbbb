import { onAbort } from "./abort.js";

/**
 * Time as a dependency. This file is the only one that touches timers and the
 * clocks of the machine; everything else is given a `Clock`, so that tests move
 * time instead of waiting for it.
 */
export interface Clock {
  /** Milliseconds on a clock that never steps; its zero means nothing. */
  now(): number;
  /** Calls `callback` once, after `delayMs` (clamped to what a timer can hold). */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` once, when the code at hand is through and before anything new is read. */
  soon(callback: () => void): void;
  /** Calls `callback` once, after the input that has already arrived was read. */
  afterInput(callback: () => void): void;
}

/** A timer that has not fired yet. */
export interface Timer {
  /** Makes sure that the timer does not fire. May be called at any time. */
  cancel(): void;
}

/** The longest delay that a Node timer holds, in milliseconds: 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The real clock, monotonic. Its timers keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    return { cancel: () => clearTimeout(timer) };
  },
  // Not a microtask: the callers whose promises are being resolved have their say first.
  soon: (callback) => process.nextTick(callback),
  afterInput: (callback) => void setImmediate(callback),
};

/** A promise that resolves after `delayMs`, or at once when `signal` is aborted. */
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
