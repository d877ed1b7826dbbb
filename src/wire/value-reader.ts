import { ByteReader } from "./byte-reader.js";
import { LIST, STRUCT, VALUE } from "./value-fields.js";
import type { JsonValue } from "./value-writer.js";
import { WireType } from "./wire-type.js";

/** So many levels of arrays and objects are read: what protobuf's usual limit of 100 messages allows. */
const MAX_DEPTH = 49;

/**
 * Reads an encoded `google.protobuf.Value`; one that says nothing is null.
 *
 * @throws Error if the bytes are none.
 */
export function readValue(bytes: Uint8Array, depth = 0): JsonValue {
  let value: JsonValue = null;
  const reader = new ByteReader(bytes);
  while (reader.next()) {
    if (reader.is(VALUE.NUMBER, WireType.FIXED64)) value = reader.double();
    else if (reader.is(VALUE.STRING, WireType.LENGTH_DELIMITED)) value = reader.string();
    else if (reader.is(VALUE.BOOL, WireType.VARINT)) value = reader.uint32() !== 0;
    else if (reader.is(VALUE.STRUCT, WireType.LENGTH_DELIMITED)) {
      value = readStruct(reader.bytes(), deeper(depth));
    } else if (reader.is(VALUE.LIST, WireType.LENGTH_DELIMITED)) {
      value = readList(reader.bytes(), deeper(depth));
    } else {
      if (reader.is(VALUE.NULL, WireType.VARINT)) value = null;
      reader.skip();
    }
  }
  return value;
}

function readList(bytes: Uint8Array, depth: number): JsonValue[] {
  const list: JsonValue[] = [];
  const reader = new ByteReader(bytes);
  while (reader.next()) {
    if (reader.is(LIST.ITEM, WireType.LENGTH_DELIMITED))
      list.push(readValue(reader.bytes(), depth));
    else reader.skip();
  }
  return list;
}

function readStruct(bytes: Uint8Array, depth: number): { [key: string]: JsonValue } {
  const struct: { [key: string]: JsonValue } = {};
  const reader = new ByteReader(bytes);
  while (reader.next()) {
    if (!reader.is(STRUCT.ENTRY, WireType.LENGTH_DELIMITED)) {
      reader.skip();
      continue;
    }
    const [key, value] = readEntry(reader.bytes(), depth);
    // An assignment would replace the object's prototype.
    if (key === "__proto__") Object.defineProperty(struct, key, { value, enumerable: true });
    else struct[key] = value;
  }
  return struct;
}

function readEntry(bytes: Uint8Array, depth: number): [string, JsonValue] {
  let key = "";
  let value: JsonValue = null;
  const reader = new ByteReader(bytes);
  while (reader.next()) {
    if (reader.is(STRUCT.KEY, WireType.LENGTH_DELIMITED)) key = reader.string();
    else if (reader.is(STRUCT.VALUE, WireType.LENGTH_DELIMITED))
      value = readValue(reader.bytes(), depth);
    else reader.skip();
  }
  return [key, value];
}

function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels of arrays and objects`);
  return depth + 1;
}
