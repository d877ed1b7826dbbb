import { status } from "@grpc/grpc-js";
import { bareStatus } from "./transport/bare-status.js";
import { type CallHandler, refused } from "./transport/server-call.js";

/**
 * Serves every call of a hub by its path. Routes come and go while the hub runs; a
 * call that is under way keeps its handler.
 */
export class Router {
  readonly #handlers = new Map<string, CallHandler>();

  /** Serves a call: as UNIMPLEMENTED where its path has no handler. */
  readonly handle: CallHandler = (call) => (this.#handlers.get(call.path) ?? unimplemented)(call);

  /**
   * Has the calls of `path` (`/package.Service/Method`) served by `handler` from now on.
   *
   * @throws Error if they are served already.
   */
  add(path: string, handler: CallHandler): void {
    if (this.#handlers.has(path)) throw new Error(`${path} has a handler already`);
    this.#handlers.set(path, handler);
  }

  /** The calls of `path` are UNIMPLEMENTED from now on. */
  remove(path: string): void {
    this.#handlers.delete(path);
  }
}

/** Serves the calls of a method that is not served. */
export const unimplemented: CallHandler = (call) => {
  const details = `The server does not implement the method ${call.path}`;
  call.end(bareStatus(status.UNIMPLEMENTED, details));
  return refused;
};
