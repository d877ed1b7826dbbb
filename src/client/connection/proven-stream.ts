import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { onAbort } from "../../base/abort.js";
import { GibbsError } from "../../base/errors/error.js";
import { decodeHubItems } from "../../wire/messages/multiplex.js";
import { closedByHub, explainError } from "../failure.js";

/** A `Multiplex` stream on which the hub has sent its settings, which are not read yet. */
export interface ProvenStream {
  stream: ClientDuplexStream<Buffer, Buffer>;
  /** Whether it has ended since. */
  isOver: boolean;
}

/**
 * Waits for the first message of a stream, the hub's settings, and puts it back. A server that
 * sends something else, or nothing, is not a hub that takes calls.
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
      if (proven.isOver) return;
      const first = stream.read() as Buffer | null;
      if (first === null) return;
      stream.off("readable", look);
      if (!hasSettings(first)) {
        const message = "what the server sends is not what a hub sends";
        fail(new GibbsError("UNAVAILABLE", message, { execution: "NOT_STARTED" }));
        return stream.cancel();
      }
      stopListening();
      stream.unshift(first);
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

function hasSettings(encoded: Buffer): boolean {
  try {
    return decodeHubItems(encoded).some(({ item }) => item.case === "settings");
  } catch {
    return false;
  }
}
