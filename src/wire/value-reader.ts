import type { ByteReader } from "./byte-reader.js";
import { LIST, STRUCT, VALUE } from "./value-fields.js";
import type { JsonValue } from "./value-writer.js";
import { WireType } from "./wire-type.js";

/** So many levels of arrays and objects are read: what protobuf's usual limit of 100 messages allows. */
const MAX_DEPTH = 49;

/**
 * Reads the `google.protobuf.Value` that is the field's value; one that says nothing is null.
 *
 * @throws Error if the bytes are none.
 */
export function readValue(reader: ByteReader, depth = 0): JsonValue {
  let value: JsonValue = null;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(VALUE.NUMBER, WireType.FIXED64)) value = reader.double();
    else if (reader.is(VALUE.STRING, WireType.LENGTH_DELIMITED)) value = reader.string();
    else if (reader.is(VALUE.BOOL, WireType.VARINT)) value = reader.uint32() !== 0;
    else if (reader.is(VALUE.STRUCT, WireType.LENGTH_DELIMITED)) {
      value = readStruct(reader, deeper(depth));
    } else if (reader.is(VALUE.LIST, WireType.LENGTH_DELIMITED)) {
      value = readList(reader, deeper(depth));
    } else {
      if (reader.is(VALUE.NULL, WireType.VARINT)) value = null;
      reader.skip();
    }
  }
  reader.leave(outer);
  return value;
}

function readList(reader: ByteReader, depth: number): JsonValue[] {
  const list: JsonValue[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(LIST.ITEM, WireType.LENGTH_DELIMITED)) list.push(readValue(reader, depth));
    else reader.skip();
  }
  reader.leave(outer);
  return list;
}

function readStruct(reader: ByteReader, depth: number): { [key: string]: JsonValue } {
  const struct: { [key: string]: JsonValue } = {};
  const outer = reader.enter();
  while (reader.next()) {
    if (!reader.is(STRUCT.ENTRY, WireType.LENGTH_DELIMITED)) {
      reader.skip();
      continue;
    }
    const [key, value] = readEntry(reader, depth);
    // An assignment would replace the object's prototype.
    if (key === "__proto__") Object.defineProperty(struct, key, { value, enumerable: true });
    else struct[key] = value;
  }
  reader.leave(outer);
  return struct;
}

function readEntry(reader: ByteReader, depth: number): [string, JsonValue] {
  let key = "";
  let value: JsonValue = null;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(STRUCT.KEY, WireType.LENGTH_DELIMITED)) key = reader.string();
    else if (reader.is(STRUCT.VALUE, WireType.LENGTH_DELIMITED)) value = readValue(reader, depth);
    else reader.skip();
  }
  reader.leave(outer);
  return [key, value];
}

function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels of arrays and objects`);
  return depth + 1;
}
