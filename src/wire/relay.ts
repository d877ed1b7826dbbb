import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  RelayPayloadSchema,
  RelayRequestSchema,
  RelayResponseSchema,
} from "../gen/gibbs/internal/v1/relay_pb.js";
import type { CallInfoSchema, RequestOptions } from "../gen/gibbs/v1/hub_pb.js";
import { asBuffer } from "./bytes.js";
import type { EncodedPayload } from "./payload.js";

/** A `gibbs.v1.RequestRequest` whose input stays encoded. */
export interface RelayedRequest {
  payload: EncodedPayload;
  method: string;
  options?: RequestOptions | undefined;
}

/**
 * Reads an encoded `gibbs.v1.RequestRequest` without decoding its input.
 *
 * @throws Error if the bytes are no such message.
 */
export function readRequest(encoded: Uint8Array): RelayedRequest {
  const { kind, contentType, method, options } = fromBinary(RelayRequestSchema, encoded);
  const payload = toBinary(RelayPayloadSchema, create(RelayPayloadSchema, { kind, contentType }));
  return { payload, method, options };
}

/**
 * Writes an encoded `gibbs.v1.RequestResponse` around an answer that stays encoded.
 *
 * @throws Error if the answer is no payload.
 */
export function writeResponse(
  payload: EncodedPayload,
  info: MessageInitShape<typeof CallInfoSchema>,
): Buffer {
  const { kind, contentType } = fromBinary(RelayPayloadSchema, payload);
  const response = create(RelayResponseSchema, { kind, contentType, info });
  return asBuffer(toBinary(RelayResponseSchema, response));
}
