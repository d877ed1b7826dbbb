import { ListValueTag, StructTag, ValueTag } from "../../gen/google/protobuf/struct_codec.js";
import type { ByteWriter } from "../../protobuf/byte-writer.js";

/** Data that JSON can express. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };

/** The writer's current position in the data. */
interface Place {
  keys: (string | number)[];
  parents: object[];
  maxDepth: number;
}

/**
 * Writes `data` as the field `tag` of type `google.protobuf.Value`.
 *
 * @throws TypeError naming the path to a value that JSON cannot express.
 */
export function writeValue(writer: ByteWriter, tag: number, data: unknown, maxDepth: number): void {
  write(writer, tag, data, { keys: [], parents: [], maxDepth });
}

function write(writer: ByteWriter, tag: number, data: unknown, place: Place): void {
  switch (typeof data) {
    case "string":
      checkText(data, "a string", place);
      writer.begin(tag, data.length + 2);
      writer.string(ValueTag.stringValue, data);
      return writer.end();
    case "boolean":
      writer.begin(tag, 2);
      writer.bool(ValueTag.boolValue, data);
      return writer.end();
    case "number":
      if (!Number.isFinite(data)) throw notJson(String(data), place);
      writer.begin(tag, 9);
      writer.double(ValueTag.numberValue, data);
      return writer.end();
    case "object":
      writer.begin(tag, data === null ? 2 : 64);
      if (data === null) writer.int32(ValueTag.nullValue, 0);
      else writeComposite(writer, data, place);
      return writer.end();
    default:
      throw notJson(typeof data, place);
  }
}

function writeComposite(writer: ByteWriter, data: object, place: Place): void {
  const { keys, parents, maxDepth } = place;
  if (parents.includes(data)) throw notJson("a cycle", place);
  if (parents.length >= maxDepth) throw notJson(`more than ${maxDepth} levels`);
  parents.push(data);
  if (Array.isArray(data)) writeList(writer, data, place);
  else writeStruct(writer, data, place);
  parents.pop();
  keys.length = parents.length;
}

function writeList(writer: ByteWriter, list: readonly unknown[], place: Place): void {
  const level = place.keys.length;
  writer.begin(ValueTag.listValue, 64);
  // By index, so that a hole in the list fails like undefined.
  for (let index = 0; index < list.length; index += 1) {
    place.keys[level] = index;
    write(writer, ListValueTag.values, list[index], place);
  }
  writer.end();
}

function writeStruct(writer: ByteWriter, data: object, place: Place): void {
  const prototype = Object.getPrototypeOf(data);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw notJson(`an instance of ${data.constructor?.name || "a class"}`, place);
  }
  const level = place.keys.length;
  writer.begin(ValueTag.structValue, 64);
  for (const [key, item] of Object.entries(data)) {
    // JavaScript decoders would lose this key.
    if (key === "__proto__") throw notJson("a key named __proto__", place);
    checkText(key, "a key", place);
    place.keys[level] = key;
    writer.begin(StructTag.fields, key.length + 16);
    if (key !== "") writer.string(StructTag.fieldsKey, key);
    write(writer, StructTag.fieldsValue, item, place);
    writer.end();
  }
  writer.end();
}

function checkText(text: string, what: string, place: Place): void {
  if (!text.isWellFormed()) throw notJson(`${what} with a lone surrogate`, place);
}

function notJson(what: string, place?: Place): TypeError {
  const path = (place?.keys ?? [])
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .replace(/^\./, "");
  const where = path === "" ? "" : ` at ${path}`;
  return new TypeError(`${what}${where} cannot be sent: send JSON-like data or a Uint8Array`);
}
