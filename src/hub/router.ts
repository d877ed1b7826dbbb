import { status } from "@grpc/grpc-js";
import { bareStatus } from "./transport/bare-status.js";
import { type CallHandler, refused } from "./transport/server-call.js";

/** Serves every call of a hub by its path. Routes can be added while the hub runs. */
export class Router {
  readonly #handlers = new Map<string, CallHandler>();

  /** Serves a call; it ends as UNIMPLEMENTED if its path has no handler. */
  readonly handle: CallHandler = (call) => (this.#handlers.get(call.path) ?? unimplemented)(call);

  /**
   * Serves the calls of `path` (`/package.Service/Method`) with `handler` from now on.
   *
   * @throws Error if the path already has a handler.
   */
  add(path: string, handler: CallHandler): void {
    if (this.#handlers.has(path)) throw new Error(`${path} has a handler already`);
    this.#handlers.set(path, handler);
  }
}

/** Refuses the calls of a method that is not served. */
export const unimplemented: CallHandler = (call) => {
  const details = `The server does not implement the method ${call.path}`;
  call.end(bareStatus(status.UNIMPLEMENTED, details));
  return refused;
};
