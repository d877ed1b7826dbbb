import { fromBinary } from "@bufbuild/protobuf";
import { type RequestOptions, RequestOptionsSchema } from "../gen/gibbs/v1/hub_pb.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { fromDuration } from "./duration.js";
import type { EncodedPayload } from "./payload.js";
import { WireType } from "./wire-type.js";

// The fields 1 to 3 of RequestRequest and RequestResponse are those of Payload:
// their bytes are a payload, and are never decoded on the way.
const LAST_OF_PAYLOAD = 3;
const METHOD = 4;
const OPTIONS = 5;
const INFO = 4;

/** A `gibbs.v1.RequestRequest` whose input stays encoded. */
export interface RelayedRequest {
  payload: EncodedPayload;
  method: string;
  options?: RequestOptions | undefined;
}

/** A `gibbs.v1.CallInfo`. */
export interface CallInfo {
  requestId: string;
  workerId: string;
  attempts: number;
  queueTimeMs: number;
  runTimeMs: number;
}

const writer = new ByteWriter();

/**
 * Reads an encoded `gibbs.v1.RequestRequest` without decoding its input.
 *
 * @throws Error if the bytes are no such message.
 */
export function readRequest(encoded: Uint8Array): RelayedRequest {
  const request: RelayedRequest = { payload: EMPTY, method: "" };
  request.payload = payloadOf(encoded, (reader) => {
    if (reader.is(METHOD, WireType.LENGTH_DELIMITED)) request.method = reader.string();
    else if (reader.is(OPTIONS, WireType.LENGTH_DELIMITED)) {
      request.options = fromBinary(RequestOptionsSchema, reader.bytes());
    } else reader.skip();
  });
  return request;
}

/** Writes an encoded `gibbs.v1.RequestRequest` around an encoded input. */
export function writeRequest(
  payload: EncodedPayload,
  method: string,
  encodedOptions: Uint8Array,
): Buffer {
  writer.reset();
  writer.reserve(payload.length + encodedOptions.length, method.length);
  writer.raw(payload);
  writer.string(METHOD, method);
  writer.bytes(OPTIONS, encodedOptions);
  return writer.take();
}

/**
 * Writes an encoded `gibbs.v1.RequestResponse` around an answer that stays encoded.
 *
 * @throws Error if the answer is no payload.
 */
export function writeResponse(payload: EncodedPayload, info: CallInfo): Buffer {
  const known = payloadOf(payload, (reader) => reader.skip());
  writer.reset();
  writer.reserve(known.length, info.requestId.length + info.workerId.length);
  writer.raw(known);
  writer.begin(INFO, info.requestId.length + info.workerId.length + 32);
  writer.string(1, info.requestId);
  writer.string(2, info.workerId);
  writer.uint32(3, info.attempts);
  writeDuration(4, info.queueTimeMs);
  writeDuration(5, info.runTimeMs);
  writer.end();
  return writer.take();
}

/**
 * Reads an encoded `gibbs.v1.RequestResponse` without decoding its answer.
 *
 * @throws Error if the bytes are no such message.
 */
export function readResponse(encoded: Uint8Array): { payload: EncodedPayload; info: CallInfo } {
  const info = { requestId: "", workerId: "", attempts: 0, queueTimeMs: 0, runTimeMs: 0 };
  const payload = payloadOf(encoded, (reader) => {
    if (reader.is(INFO, WireType.LENGTH_DELIMITED)) readInfo(reader, info);
    else reader.skip();
  });
  return { payload, info };
}

function readInfo(reader: ByteReader, info: CallInfo): void {
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.LENGTH_DELIMITED)) info.requestId = reader.string();
    else if (reader.is(2, WireType.LENGTH_DELIMITED)) info.workerId = reader.string();
    else if (reader.is(3, WireType.VARINT)) info.attempts = reader.uint32();
    else if (reader.is(4, WireType.LENGTH_DELIMITED)) info.queueTimeMs = readDuration(reader);
    else if (reader.is(5, WireType.LENGTH_DELIMITED)) info.runTimeMs = readDuration(reader);
    else reader.skip();
  }
  reader.leave(outer);
}

/** A time of a call: never negative, and less than 136 years. */
function readDuration(reader: ByteReader): number {
  let seconds = 0;
  let nanos = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.VARINT)) seconds = reader.uint32();
    else if (reader.is(2, WireType.VARINT)) nanos = reader.uint32();
    else reader.skip();
  }
  reader.leave(outer);
  return fromDuration({ seconds, nanos });
}

/**
 * The fields of `encoded` that are a payload's, as they are; `readOther` reads or
 * skips each of the others.
 */
function payloadOf(encoded: Uint8Array, readOther: (reader: ByteReader) => void): EncodedPayload {
  const parts: Uint8Array[] = [];
  const reader = new ByteReader(encoded);
  for (let from = 0; reader.next(); from = reader.position) {
    if (reader.field > LAST_OF_PAYLOAD) {
      readOther(reader);
      continue;
    }
    reader.skip();
    parts.push(encoded.subarray(from, reader.position));
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

function writeDuration(field: number, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.min(Math.round((ms - seconds * 1000) * 1e6), 999_999_999);
  writer.begin(field, 12);
  writer.uint32(1, seconds);
  writer.uint32(2, nanos);
  writer.end();
}

const EMPTY: Uint8Array = new Uint8Array();
