import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  create,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { ByteReader } from "../../src/protobuf/byte-reader.js";
import { ByteWriter } from "../../src/protobuf/byte-writer.js";
import { type Payload, PayloadSchema } from "../../src/wire/index.js";
import { fromDuration, toDuration } from "../../src/wire/messages/duration.js";
import { bytesOf } from "./bytes.js";
import { root } from "./running.js";

type Fields = Record<string, unknown>;
type Change = (desc: DescMessage, value: unknown) => unknown;

/** The generated codec of a message, as its file exports it. */
export interface Codec {
  desc: DescMessage;
  read(reader: ByteReader): unknown;
  /** Writes a message, or adds one item to a message that is a list. */
  write(writer: ByteWriter, message: unknown): void;
  isList: boolean;
}

/** Every generated codec of gibbs.v1, by the name of its message. */
export const codecs = new Map<string, Codec>();

const folder = join(root, "src/gen/gibbs/v1");
for (const name of readdirSync(folder).filter((file) => file.endsWith("_codec.ts"))) {
  const codec: Fields = await import(join(folder, name));
  const messages: Fields = await import(join(folder, name.replace("_codec", "_pb")));
  const file = Object.entries(messages).find(([key]) => key.startsWith("file_"))?.[1] as DescFile;
  for (const desc of file.messages) {
    const read = codec[`read${desc.name}`];
    if (read === undefined) continue;
    const append = codec[`append${desc.name}`];
    const write = append ?? codec[`write${desc.name}`];
    codecs.set(desc.typeName, { desc, read, write, isList: append !== undefined } as Codec);
  }
}

/** Writes a message with its codec. */
export function encode({ desc, write, isList }: Codec, message: Message): Uint8Array {
  const writer = new ByteWriter();
  const shape = toShape(desc, message);
  for (const one of isList ? (shape as unknown[]) : [shape]) write(writer, one);
  return writer.takeToKeep();
}

/** Reads a message with its codec. */
export function decode({ desc, read }: Codec, bytes: Uint8Array): Message {
  const init = fromShape(desc, read(new ByteReader(bytes)));
  return create(desc, init as MessageInitShape<DescMessage>);
}

/** Converts a protobuf-es message into what the codecs write. */
const toShape: Change = (desc, value) => {
  if (desc.typeName === DurationSchema.typeName) return fromDuration(value as Duration);
  const codec = codecs.get(desc.typeName);
  if (codec === undefined) return value;
  const shape = mapFields(desc, value as Fields, toShape);
  if (codec.isList) return Object.values(shape)[0];
  if (hasPayload(desc)) {
    const { kind, contentType } = value as Payload;
    shape["payload"] = toBinary(PayloadSchema, create(PayloadSchema, { kind, contentType }));
  }
  // A message whose only member is a oneof is written from that oneof.
  const [member, more] = desc.members;
  return member?.kind === "oneof" && more === undefined ? shape[member.localName] : shape;
};

/** Converts what a codec has read into the input from which protobuf-es creates a message. */
const fromShape: Change = (desc, value) => {
  if (desc.typeName === DurationSchema.typeName) return toDuration(value as number);
  const codec = codecs.get(desc.typeName);
  if (codec === undefined) return value;
  const given = codec.isList ? { [desc.fields[0]?.localName ?? ""]: value } : (value as Fields);
  const fields = mapFields(desc, given, fromShape);
  if (!hasPayload(desc)) return fields;
  const { kind, contentType } = fromBinary(
    PayloadSchema,
    new Uint8Array(given["payload"] as Uint8Array),
  );
  return { ...fields, kind, contentType };
};

/**
 * Returns the fields that are set, with `change` applied to messages, and bytes as bytes however
 * they are kept.
 */
function mapFields(desc: DescMessage, from: Fields, change: Change): Fields {
  const to: Fields = {};
  const changeOne = (field: DescField, value: unknown): unknown => {
    if (field.message !== undefined) return change(field.message, value);
    return field.scalar === ScalarType.BYTES
      ? new Uint8Array(bytesOf(value as Uint8Array | string))
      : value;
  };
  for (const field of desc.fields) {
    const isSpan = field.message?.typeName === DurationSchema.typeName;
    const inShape = isSpan ? `${field.localName}Ms` : field.localName;
    const [source, target] =
      change === toShape ? [field.localName, inShape] : [inShape, field.localName];
    const value = from[source];
    if (field.oneof !== undefined || value === undefined) continue;
    to[target] = Array.isArray(value)
      ? value.map((one) => changeOne(field, one))
      : changeOne(field, value);
  }
  for (const { localName, fields } of desc.oneofs) {
    const { case: name, value } = (from[localName] ?? {}) as { case?: string; value?: unknown };
    const field = fields.find((one) => one.localName === name);
    to[localName] = field ? { case: name, value: changeOne(field, value) } : { case: undefined };
  }
  return to;
}

/** Whether a message has the fields of a payload inline, and keeps them encoded. */
function hasPayload(desc: DescMessage): boolean {
  return PayloadSchema.fields.every(({ name, number }) =>
    desc.fields.some((field) => field.name === name && field.number === number),
  );
}
