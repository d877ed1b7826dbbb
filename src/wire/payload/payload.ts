import { asPlainBytes } from "../../base/bytes.js";
import { PayloadTag } from "../../gen/gibbs/v1/payload_codec.js";
import { ByteReader } from "../../protobuf/byte-reader.js";
import { ByteWriter } from "../../protobuf/byte-writer.js";
import { readValue } from "./value-reader.js";
import { type JsonValue, writeValue } from "./value-writer.js";

/** What a request carries: JSON-like data or bytes. */
export type Data = JsonValue | Uint8Array;

/** An encoded `gibbs.v1.Payload`. */
export type EncodedPayload = Uint8Array;

/** The most levels of arrays and objects in an input. Its worker's decoder may take fewer. */
const MAX_INPUT_DEPTH = 1000;

/** The most levels of arrays and objects in an answer: what every decoder takes. */
export const MAX_ANSWER_DEPTH = 48;

let writer: ByteWriter | undefined = new ByteWriter();

/**
 * The payload of `data`, encoded: bytes for a `Uint8Array`, else a JSON value.
 *
 * @throws TypeError naming the path, for what JSON cannot say: NaN, Infinity,
 * bigint, symbol, function, `undefined` inside an array or object, nested bytes,
 * a cycle, more than `maxDepth` levels, a key named `__proto__`, an instance of a class other than Array and
 * Object. `undefined` itself is null.
 */
export function encodePayload(data: unknown, maxDepth: number = MAX_INPUT_DEPTH): EncodedPayload {
  // What is encoded may have getters that encode.
  const mine = writer ?? new ByteWriter();
  writer = undefined;
  try {
    if (data instanceof Uint8Array) mine.bytes(PayloadTag.data, data);
    else writeValue(mine, PayloadTag.value, data ?? null, maxDepth);
    return mine.takeToKeep();
  } finally {
    mine.reset();
    writer = mine;
  }
}

/**
 * Undoes {@link encodePayload}. A payload that carries nothing is null; bytes are
 * a view of what was given.
 *
 * @throws Error if the bytes are no payload: cut short, invalid UTF-8 in a
 * string, nested more deeply than decoders go.
 */
export function decodePayload(encoded: EncodedPayload): Data {
  let data: Data = null;
  const reader = new ByteReader(encoded);
  for (;;) {
    switch (reader.next()) {
      case 0:
        return data;
      case PayloadTag.value:
        data = readValue(reader);
        break;
      case PayloadTag.data:
        data = asPlainBytes(reader.bytes());
        break;
      default:
        reader.skip();
    }
  }
}
