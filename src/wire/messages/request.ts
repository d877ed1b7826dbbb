import {
  type RequestOptions,
  type RequestRequest,
  type RequestResponse,
  readRequestRequest,
  readRequestResponse,
  sizeOfRequestRequest,
  sizeOfRequestResponse,
  writeRequestRequest,
  writeRequestResponse,
} from "../../gen/gibbs/v1/hub_codec.js";
import { payloadFields } from "../../gen/gibbs/v1/payload_codec.js";
import { ByteReader } from "../../protobuf/byte-reader.js";
import { ByteWriter } from "../../protobuf/byte-writer.js";
import type { EncodedPayload } from "../payload/payload.js";

// RequestRequest and RequestResponse hold Payload's fields inline: the bytes of these fields are an
// encoded payload, which is never decoded on the way.

/** A `gibbs.v1.CallInfo`. */
export interface CallInfo {
  requestId: string;
  workerId: string;
  attempts: number;
  queueTimeMs: number;
  runTimeMs: number;
}

/** Shared: its content is always taken before any other code runs. */
const writer = new ByteWriter();

/**
 * Reads an encoded `gibbs.v1.RequestRequest` without decoding its input.
 *
 * @throws Error if the bytes are not such a message.
 */
export function readRequest(encoded: Uint8Array): RequestRequest {
  return readRequestRequest(new ByteReader(encoded));
}

/** Writes an encoded `gibbs.v1.RequestRequest` around an encoded input. */
export function writeRequest(
  payload: EncodedPayload,
  method: string,
  options: RequestOptions | undefined,
): Buffer {
  const request: RequestRequest = { payload, method, options };
  writer.reset();
  writer.reserve(sizeOfRequestRequest(request));
  writeRequestRequest(writer, request);
  return writer.take();
}

/**
 * Writes an encoded `gibbs.v1.RequestResponse` around an encoded answer.
 *
 * @throws Error if the answer is not a payload.
 */
export function writeResponse(payload: EncodedPayload, info: CallInfo): Buffer {
  const response: RequestResponse = { payload: payloadFields(payload), info };
  writer.reset();
  writer.reserve(sizeOfRequestResponse(response));
  writeRequestResponse(writer, response);
  return writer.take();
}

/**
 * Reads an encoded `gibbs.v1.RequestResponse` without decoding its answer.
 *
 * @throws Error if the bytes are not such a message.
 */
export function readResponse(encoded: Uint8Array): { payload: EncodedPayload; info: CallInfo } {
  const { payload, info } = readRequestResponse(new ByteReader(encoded));
  const { requestId = "", workerId = "", attempts = 0 } = info ?? {};
  const { queueTimeMs = 0, runTimeMs = 0 } = info ?? {};
  return { payload, info: { requestId, workerId, attempts, queueTimeMs, runTimeMs } };
}
