// A model that takes 250 ms and blocks its process in the meantime, as numeric code does.
export default class MyAwesomeModel {
  constructor(waitSeconds = 0.25) {
    this.waitMs = waitSeconds * 1000;
  }

  call(x) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.waitMs);
    return x ** 2;
  }
}
