/** A promise that is settled from outside. */
export interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(why: unknown): void;
}

/** Creates a {@link Deferred} whose rejection may go unhandled. */
export function deferred(): Deferred {
  let resolve = (): void => {};
  let reject = (_why: unknown): void => {};
  const promise = new Promise<void>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
