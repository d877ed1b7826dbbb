import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { onAbort } from "../../base/abort.js";
import { GibbsError } from "../../base/errors/error.js";
import { closedByHub, explainError } from "../failure.js";

/** A `Multiplex` stream on which the hub has sent something, which is not read yet. */
export interface ProvenStream {
  stream: ClientDuplexStream<Buffer, Buffer>;
  /** Whether it has ended since. */
  isOver: boolean;
}

/**
 * Waits for the first message of a stream, the hub's settings, and leaves it unread. A server that
 * sends none is not a hub that takes calls.
 *
 * @throws GibbsError if the stream ends, or `signal` fires, before that.
 */
export function provenStream(
  stream: ClientDuplexStream<Buffer, Buffer>,
  signal: AbortSignal,
): Promise<ProvenStream> {
  const proven: ProvenStream = { stream, isOver: false };
  return new Promise((resolve, reject) => {
    let stopListening = (): void => {};
    const fail = (error: GibbsError): void => {
      proven.isOver = true;
      stopListening();
      reject(error);
    };
    const look = (): void => {
      if (stream.readableLength === 0 || proven.isOver) return;
      stopListening();
      stream.off("readable", look);
      resolve(proven);
    };
    stopListening = onAbort(signal, () => {
      const message = "the server accepts connections and says nothing";
      fail(new GibbsError("UNAVAILABLE", message, { execution: "NOT_STARTED" }));
      stream.cancel();
    });
    stream.on("error", (error: ServiceError) => fail(explainError(error, {})));
    stream.on("status", ({ code }) => {
      if (code === 0) fail(closedByHub());
    });
    stream.on("readable", look);
  });
}
