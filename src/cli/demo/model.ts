/**
 * One run of the demo's model, as measured by the model itself. Times in milliseconds since 1970.
 */
export interface Run {
  result: number;
  pid: number;
  start: number;
  end: number;
}

/**
 * The demo's slow model: squares a number while blocking its process, as numeric code does. Null is
 * a warm-up and returns at once.
 */
export default class MyAwesomeModel {
  readonly #waitMs: number;

  constructor(waitSeconds = 0.25) {
    this.#waitMs = waitSeconds * 1000;
  }

  call(x: number | null): Run {
    if (x === null) return { result: 0, pid: process.pid, start: 0, end: 0 };
    const start = performance.timeOrigin + performance.now();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.#waitMs);
    const end = performance.timeOrigin + performance.now();
    return { result: x ** 2, pid: process.pid, start, end };
  }
}
