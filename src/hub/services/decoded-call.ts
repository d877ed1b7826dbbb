import { status as grpcStatus, type StatusObject } from "@grpc/grpc-js";
import type { Clock, Timer } from "../../base/clock.js";
import type { MethodDefinition } from "../../wire/grpc/definition.js";
import { toStatus } from "../../wire/grpc/status.js";
import { bareStatus } from "../transport/bare-status.js";
import type { CallHandler, CallListener, ServerCall } from "../transport/server-call.js";
import { asGibbsError } from "./submission.js";

/** Serves the calls of a method that the hub answers itself. */
export interface DecodedService<Request, Response> {
  /** Called when a request has arrived: for a unary call, once the caller has half-closed. */
  onRequest(request: Request, call: DecodedCall<Response>): void;
  /** Called when the call has ended. */
  onClose?(call: DecodedCall<Response>): void;
}

/** The parts of a method's definition that serving decoded messages requires. */
type Method<Request, Response> = Pick<
  MethodDefinition<never, Request, Response, unknown, boolean, boolean>,
  "path" | "requestStream" | "requestDeserialize" | "responseSerialize"
>;

/**
 * Serves a method with decoded messages. A call ends at its deadline, and a stream of requests when
 * its caller half-closes.
 */
export function decodedHandler<Request, Response>(
  method: Method<Request, Response>,
  service: DecodedService<Request, Response>,
  clock: Clock,
): CallHandler {
  return (call) => new DecodedListener(call, method, service, clock);
}

/** A call as a {@link DecodedService} sees it. */
export interface DecodedCall<Response> {
  /** Sends a response. */
  write(response: Response): void;
  /** Sends the last response and ends the call with OK. */
  respond(response: Response): void;
  /** Ends the call: with OK, or with a status. */
  end(status?: StatusObject): void;
}

class DecodedListener<Request, Response> implements CallListener, DecodedCall<Response> {
  readonly #call: ServerCall;
  readonly #method: Method<Request, Response>;
  readonly #service: DecodedService<Request, Response>;
  readonly #deadline: Timer | undefined;
  /** The request of a unary call, until its caller half-closes. */
  #request: Request | undefined;

  constructor(
    call: ServerCall,
    method: Method<Request, Response>,
    service: DecodedService<Request, Response>,
    clock: Clock,
  ) {
    this.#call = call;
    this.#method = method;
    this.#service = service;
    const { timeoutMs } = call;
    if (Number.isNaN(timeoutMs)) this.#refuse("INTERNAL", "Invalid grpc-timeout");
    else if (timeoutMs !== undefined) {
      this.#deadline = clock.setTimer(timeoutMs, () =>
        this.#refuse("DEADLINE_EXCEEDED", "Deadline exceeded"),
      );
    }
  }

  onMessage(message: Buffer): void {
    let request: Request;
    try {
      request = this.#method.requestDeserialize(message);
    } catch {
      return this.#refuse("INTERNAL", "Error deserializing request");
    }
    if (this.#method.requestStream) return this.#serve(request);
    if (this.#request === undefined) this.#request = request;
    else this.#refuse("UNIMPLEMENTED", `Received a second request for ${this.#method.path}`);
  }

  onHalfClose(): void {
    if (this.#method.requestStream) return this.end();
    if (this.#request !== undefined) return this.#serve(this.#request);
    this.#refuse("UNIMPLEMENTED", `Received no request for ${this.#method.path}`);
  }

  onDrain(): void {
    this.#call.resume();
  }

  onClose(): void {
    this.#deadline?.cancel();
    this.#service.onClose?.(this);
  }

  write(response: Response): void {
    const isFull = !this.#call.write(this.#method.responseSerialize(response));
    // Read nothing more from a caller that does not read its responses.
    if (isFull) this.#call.pause();
  }

  respond(response: Response): void {
    this.#call.respond(this.#method.responseSerialize(response));
  }

  end(status?: StatusObject): void {
    this.#call.end(status);
  }

  #serve(request: Request): void {
    try {
      this.#service.onRequest(request, this);
    } catch (error) {
      this.end(toStatus(asGibbsError(error)));
    }
  }

  #refuse(code: keyof typeof grpcStatus, details: string): void {
    this.end(bareStatus(grpcStatus[code], details));
  }
}
