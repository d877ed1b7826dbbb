import { ListValueTag, StructTag, ValueTag } from "../../gen/google/protobuf/struct_codec.js";
import type { ByteReader } from "../../protobuf/byte-reader.js";
import type { JsonValue } from "./value-writer.js";

/**
 * The maximum depth of arrays and objects: what protobuf's usual limit of 100 nested messages
 * allows.
 */
const MAX_DEPTH = 49;

/**
 * Reads the `google.protobuf.Value` that is the current field's value; an empty one is null.
 *
 * @throws Error if the bytes are malformed.
 */
export function readValue(reader: ByteReader, depth = 0): JsonValue {
  let value: JsonValue = null;
  const outer = reader.enter();
  for (;;) {
    switch (reader.next()) {
      case 0:
        reader.leave(outer);
        return value;
      case ValueTag.numberValue:
        value = reader.double();
        break;
      case ValueTag.stringValue:
        value = reader.string();
        break;
      case ValueTag.boolValue:
        value = reader.bool();
        break;
      case ValueTag.structValue:
        value = readStruct(reader, deeper(depth));
        break;
      case ValueTag.listValue:
        value = readList(reader, deeper(depth));
        break;
      case ValueTag.nullValue:
        value = null;
        reader.skip();
        break;
      default:
        reader.skip();
    }
  }
}

function readList(reader: ByteReader, depth: number): JsonValue[] {
  const list: JsonValue[] = [];
  const outer = reader.enter();
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    if (tag === ListValueTag.values) list.push(readValue(reader, depth));
    else reader.skip();
  }
  reader.leave(outer);
  return list;
}

function readStruct(reader: ByteReader, depth: number): { [key: string]: JsonValue } {
  const struct: { [key: string]: JsonValue } = {};
  const outer = reader.enter();
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    if (tag !== StructTag.fields) {
      reader.skip();
      continue;
    }
    const [key, value] = readEntry(reader, depth);
    // A plain assignment would replace the object's prototype.
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
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    if (tag === StructTag.fieldsKey) key = reader.string();
    else if (tag === StructTag.fieldsValue) value = readValue(reader, depth);
    else reader.skip();
  }
  reader.leave(outer);
  return [key, value];
}

function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels of arrays and objects`);
  return depth + 1;
}
