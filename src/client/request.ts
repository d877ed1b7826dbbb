import { Metadata, status } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import { Bag } from "../base/containers/bag.js";
import { malformedResult } from "../base/errors/failures.js";
import type { RequestOptions } from "../base/options/common-options.js";
import { toMetadataEntries } from "../wire/messages/metadata.js";
import { readResponse, writeRequest } from "../wire/messages/request.js";
import { toRequestOptions } from "../wire/messages/request-options.js";
import { ConnectedTransport } from "./connected-transport.js";
import type { Connector } from "./connection/connector.js";
import { explainError, tooLarge } from "./failure.js";
import type { PendingCall } from "./pending-call.js";

/** Sends each request as its own gRPC call, as generated clients in any language do. */
export class RequestTransport extends ConnectedTransport {
  readonly #connection: Connector;
  readonly #clock: Clock;
  readonly #maxPayloadBytes: number;
  readonly #open = new Bag<PendingCall>();

  constructor(connection: Connector, clock: Clock, maxPayloadBytes: number) {
    super(connection, clock);
    this.#connection = connection;
    this.#clock = clock;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  override close(): void {
    super.close();
    for (const pending of this.#open) pending.giveUp("CLIENT_CLOSED");
  }

  protected tryStart(pending: PendingCall): boolean {
    if (!this.#connection.isReady) return false;
    this.start(pending);
    return true;
  }

  protected start(pending: PendingCall): void {
    const { payload, requestId, call } = pending;
    if (payload.length > this.#maxPayloadBytes) {
      return pending.fail(tooLarge(requestId, payload.length, this.#maxPayloadBytes));
    }
    const { method = "" } = call.options;
    const message = writeRequest(payload, method, toRequestOptions(call.options));
    const leftMs = Math.max(0, call.until - this.#clock.now());
    pending.sending();
    this.#open.add(pending);
    const metadata = toMetadata(call.options, leftMs);
    const { current } = this.#connection;
    const grpc = this.#connection.request(message, metadata, (how, response) => {
      this.#open.delete(pending);
      if (how.code === status.OK) return this.#respond(pending, response);
      const error = explainError(how, { requestId });
      if (error.reason === "DRAINING") this.#connection.avoid(current, error.retryAfterMs ?? 0);
      pending.fail(error);
    });
    pending.onGivenUp = () => grpc.cancel();
  }

  #respond(pending: PendingCall, response: Buffer | undefined): void {
    let read: ReturnType<typeof readResponse>;
    try {
      if (response === undefined) throw new Error("the response has no message");
      read = readResponse(response);
    } catch (error) {
      return pending.fail(malformedResult(error, { requestId: pending.requestId }));
    }
    pending.respond(read.payload, read.info, this.#maxPayloadBytes);
  }
}

/**
 * Returns the metadata of a call. Its deadline is left to the hub, whose status gives a reason;
 * grpc-js would end the call with a bare status.
 */
function toMetadata(options: RequestOptions, leftMs: number): Metadata {
  const metadata = new Metadata();
  for (const { key, value } of toMetadataEntries(options.metadata)) {
    metadata.set(key, key.endsWith("-bin") ? Buffer.from(value) : Buffer.from(value).toString());
  }
  metadata.set("grpc-timeout", `${Math.ceil(leftMs)}m`);
  return metadata;
}
