import { create, fromBinary, type JsonValue, toBinary } from "@bufbuild/protobuf";
import {
  ListValueSchema,
  NullValue,
  StructSchema,
  type Value,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { type Payload, PayloadSchema } from "../gen/gibbs/v1/payload_pb.js";
import { asPlainBytes } from "./bytes.js";

/** What a request carries: JSON-like data or bytes. */
export type Data = JsonValue | Uint8Array;

/** An encoded `gibbs.v1.Payload`. */
export type EncodedPayload = Uint8Array;

/** The `kind` of a `Payload`, and of the messages that carry one inline. */
export type PayloadKind = Payload["kind"];

/** The most levels of arrays and objects in an input. Its worker's decoder may take fewer. */
const MAX_INPUT_DEPTH = 1000;

/** The most levels of arrays and objects in an answer: what every decoder takes. */
export const MAX_ANSWER_DEPTH = 48;

/**
 * The payload of `data`: bytes for a `Uint8Array`, else a JSON value.
 *
 * @throws TypeError naming the path, for what JSON cannot say: NaN, Infinity,
 * bigint, symbol, function, `undefined` inside an array or object, nested bytes,
 * a cycle, more than `maxDepth` levels, a key named `__proto__`, an instance of a class other than Array and
 * Object. `undefined` itself is null.
 */
export function toKind(data: unknown, maxDepth: number = MAX_INPUT_DEPTH): PayloadKind {
  if (data instanceof Uint8Array) return { case: "data", value: data };
  return { case: "value", value: toValue(data ?? null, "", [], maxDepth) };
}

/** The data of a payload. One that carries nothing is null. */
export function fromKind(kind: PayloadKind): Data {
  switch (kind.case) {
    case "data":
      return asPlainBytes(kind.value);
    case "value":
      return fromValue(kind.value);
    case undefined:
      return null;
  }
}

/** Encodes {@link toKind}. */
export function encodePayload(data: unknown, maxDepth?: number): EncodedPayload {
  return encodeKind(toKind(data, maxDepth));
}

/** Encodes the kind of a payload. */
export function encodeKind(kind: PayloadKind): EncodedPayload {
  return toBinary(PayloadSchema, create(PayloadSchema, { kind }));
}

/**
 * Decodes {@link fromKind}.
 *
 * @throws Error if the bytes are no payload: cut short, invalid UTF-8 in a
 * string, nested more deeply than the decoder goes.
 */
export function decodePayload(encoded: EncodedPayload): Data {
  return fromKind(decodeKind(encoded));
}

/** Undoes {@link encodeKind}. Throws as {@link decodePayload} does. */
export function decodeKind(encoded: EncodedPayload): PayloadKind {
  return fromBinary(PayloadSchema, encoded).kind;
}

function toValue(data: unknown, path: string, parents: object[], maxDepth: number): Value {
  switch (typeof data) {
    case "string":
      if (!data.isWellFormed()) throw notJson("a string with a lone surrogate", path);
      return create(ValueSchema, { kind: { case: "stringValue", value: data } });
    case "boolean":
      return create(ValueSchema, { kind: { case: "boolValue", value: data } });
    case "number":
      if (!Number.isFinite(data)) throw notJson(String(data), path);
      return create(ValueSchema, { kind: { case: "numberValue", value: data } });
    case "object":
      if (data === null) {
        return create(ValueSchema, { kind: { case: "nullValue", value: NullValue.NULL_VALUE } });
      }
      if (parents.includes(data)) throw notJson("a cycle", path);
      if (parents.length >= maxDepth) throw notJson(`more than ${maxDepth} levels`, "");
      return toComposite(data, path, [...parents, data], maxDepth);
    default:
      throw notJson(typeof data, path);
  }
}

function toComposite(data: object, path: string, parents: object[], maxDepth: number): Value {
  if (Array.isArray(data)) {
    const values = Array.from(data, (item, index) =>
      toValue(item, `${path}[${index}]`, parents, maxDepth),
    );
    return create(ValueSchema, {
      kind: { case: "listValue", value: create(ListValueSchema, { values }) },
    });
  }
  const prototype = Object.getPrototypeOf(data);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw notJson(`an instance of ${data.constructor?.name || "a class"}`, path);
  }
  const struct = create(StructSchema);
  for (const [key, item] of Object.entries(data)) {
    // Decoders in JavaScript would lose it.
    if (key === "__proto__") throw notJson("a key named __proto__", path);
    struct.fields[key] = toValue(item, `${path}.${key}`, parents, maxDepth);
  }
  return create(ValueSchema, { kind: { case: "structValue", value: struct } });
}

function fromValue({ kind }: Value): JsonValue {
  switch (kind.case) {
    case "listValue":
      return kind.value.values.map(fromValue);
    case "structValue":
      return Object.fromEntries(
        Object.entries(kind.value.fields).map(([key, item]) => [key, fromValue(item)]),
      );
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}

function notJson(what: string, path: string): TypeError {
  const place = path === "" ? "" : ` at ${path.replace(/^\./, "")}`;
  return new TypeError(`${what}${place} cannot be sent: send JSON-like data or a Uint8Array`);
}
