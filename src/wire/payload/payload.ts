import { asPlainBytes } from "../../base/bytes.js";
import { PayloadTag } from "../../gen/gibbs/v1/payload_codec.js";
import { ByteReader } from "../../protobuf/byte-reader.js";
import { ByteWriter } from "../../protobuf/byte-writer.js";
import { readValue } from "./value-reader.js";
import { type JsonValue, writeValue } from "./value-writer.js";

/** The content of a request or an answer: JSON-like data or bytes. */
export type Data = JsonValue | Uint8Array;

/** An encoded `gibbs.v1.Payload`. */
export type EncodedPayload = Uint8Array;

/** The maximum depth of arrays and objects in an input. The worker's decoder may accept less. */
const MAX_INPUT_DEPTH = 1000;

/** The maximum depth of arrays and objects in an answer, which every decoder accepts. */
export const MAX_ANSWER_DEPTH = 48;

let writer: ByteWriter | undefined = new ByteWriter();

/**
 * Encodes `data` as a payload: bytes for a `Uint8Array`, otherwise a JSON value. A top-level
 * `undefined` becomes null.
 *
 * @throws TypeError naming the path to a value that JSON cannot express: NaN, Infinity, bigint,
 * symbol, function, `undefined` inside an array or object, nested bytes, a cycle, more than
 * `maxDepth` levels, a key named `__proto__`, an instance of a class other than Array and Object.
 */
export function encodePayload(data: unknown, maxDepth: number = MAX_INPUT_DEPTH): EncodedPayload {
  // A getter in the data may itself encode a payload.
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
 * The inverse of {@link encodePayload}. An empty payload decodes to null; bytes are a view of
 * `encoded`.
 *
 * @throws Error if the bytes are not a payload: truncated, invalid UTF-8 in a string, nested too
 * deeply.
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
