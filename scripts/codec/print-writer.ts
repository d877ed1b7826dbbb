import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import type { Printable } from "@bufbuild/protoplugin";
import { type Kind, kindOf } from "./kind.js";
import type { Names } from "./names.js";
import { isOptional, lowerFirst } from "./print-types.js";
import { DURATION, isOneofOnly, type MessageField, tagOf } from "./shape.js";

/** The size of a nested message's tag and length. */
const NESTED_BYTES = 4;

/**
 * A guess for messages encoded by protobuf-es: they are not hot, and a wrong guess costs one copy.
 */
const COLD_BYTES = 64;

const DURATION_BYTES = 12;

/** Prints `sizeOfJob(message)` and `writeJob(writer, message)`. */
export function printWriter(names: Names, message: DescMessage): void {
  const { output } = names;
  const type = names.writeType(message, names.keptBytes);
  const isRead = message.fields.some((field) => isCounted(field));
  output.print("/** The approximate size of a `", message.typeName, "` in bytes. */");
  output.print(output.export("function", `sizeOf${message.name}`), [
    isRead ? "(message: " : "(_message: ",
    type,
    "): number {",
  ]);
  printSize(names, message);
  output.print("}");
  output.print();
  output.print("/** Writes the fields of a `", message.typeName, "`. */");
  output.print(output.export("function", `write${message.name}`), [
    "(writer: ",
    names.writer,
    ", message: ",
    type,
    "): void {",
  ]);
  const inline = names.shapes.inlined(message);
  if (inline !== undefined) output.print("  writer.raw(message.", lowerFirst(inline.name), ");");
  const done = new Set<DescOneof>();
  for (const field of names.shapes.fields(message)) {
    if (field.oneof === undefined) printField(names, field);
    else if (!done.has(field.oneof)) printOneof(names, field.oneof);
    if (field.oneof !== undefined) done.add(field.oneof);
  }
  output.print("}");
  output.print();
}

/** Prints `appendWorkResponse(writer, item)` for a message that is a list. */
export function printAppender(names: Names, message: DescMessage, item: MessageField): void {
  const { output } = names;
  const type = names.writeType(item.message, names.keptBytes);
  output.print("/** Writes one more item of a `", message.typeName, "`. */");
  output.print(output.export("function", `append${message.name}`), [
    "(writer: ",
    names.writer,
    ", item: ",
    type,
    "): void {",
  ]);
  output.print("  const size = ", names.of(item.message, "sizeOf"), "(item);");
  output.print("  writer.reserve(size);");
  output.print("  writer.begin(", tagOf(item, WireType.LengthDelimited), ", size);");
  output.print("  ", names.of(item.message, "write"), "(writer, item);");
  output.print("  writer.end();");
  output.print("}");
  output.print();
}

function printSize(names: Names, message: DescMessage): void {
  const { output, shapes } = names;
  let fixed = 0;
  const terms: Printable[] = [];
  const statements: Printable[] = [];
  const inline = shapes.inlined(message);
  if (inline !== undefined) terms.push([" + message.", lowerFirst(inline.name), ".length"]);
  for (const field of shapes.fields(message)) {
    if (field.oneof !== undefined) continue;
    const member = names.member(field);
    const kind = kindOf(field);
    const isPlain = kind !== undefined && field.fieldKind !== "list" && !isOptional(field);
    if (field.fieldKind === "list") {
      statements.push([
        "for (const one of ",
        member,
        ") size += ",
        sizeOf(names, field, "one"),
        ";",
      ]);
    } else if (isPlain || kind?.wireType === WireType.Varint) {
      // Absent values are counted too, where counting is cheaper than checking.
      fixed += kind?.size ?? 0;
      if (hasLength(kind)) terms.push([" + ", member, ".length"]);
    } else if (field.message?.typeName === DURATION) fixed += DURATION_BYTES;
    else {
      const size = sizeOf(names, field, member);
      statements.push(["if (", member, " !== undefined) size += ", size, ";"]);
    }
  }
  const oneofs = shapes.oneofs(message);
  if (statements.length === 0 && oneofs.length === 0) {
    return output.print("  return ", fixed, terms, ";");
  }
  output.print("  let size = ", fixed, terms, ";");
  for (const statement of statements) output.print("  ", statement);
  for (const oneof of oneofs) {
    const member = memberOf(message, oneof);
    output.print("  switch (", member, ".case) {");
    for (const field of oneof.fields) {
      output.print('    case "', field.localName, '":');
      output.print("      size += ", sizeOf(names, field, `${member}.value`), ";");
      output.print("      break;");
    }
    output.print("  }");
  }
  output.print("  return size;");
}

/** The approximate number of bytes of one value of a field, including its tag. */
function sizeOf(names: Names, field: DescField, value: string): Printable {
  const kind = kindOf(field);
  if (kind !== undefined)
    return hasLength(kind) ? `${kind.size} + ${value}.length` : `${kind.size}`;
  if (field.message?.typeName === DURATION) return `${DURATION_BYTES}`;
  if (names.shapes.isCold(field)) return `${COLD_BYTES}`;
  return [
    NESTED_BYTES,
    " + ",
    names.of((field as MessageField).message, "sizeOf"),
    "(",
    value,
    ")",
  ];
}

function hasLength(kind: Kind | undefined): boolean {
  return kind?.method === "string" || kind?.method === "bytes";
}

function printField(names: Names, field: DescField): void {
  const { output } = names;
  const member = names.member(field);
  if (field.fieldKind === "list") {
    output.print("  for (const one of ", member, ") {");
    printValue(names, field, "one", "    ");
    output.print("  }");
    return;
  }
  const isSet = isOptional(field)
    ? `${member} !== undefined`
    : (kindOf(field)?.isSet(member) ?? "true");
  output.print("  if (", isSet, ") {");
  printValue(names, field, member, "    ");
  output.print("  }");
}

function printOneof(names: Names, oneof: DescOneof): void {
  const { output } = names;
  const member = memberOf(oneof.parent, oneof);
  output.print("  switch (", member, ".case) {");
  for (const field of oneof.fields) {
    output.print('    case "', field.localName, '":');
    printValue(names, field, `${member}.value`, "      ");
    output.print("      break;");
  }
  output.print("  }");
}

/** Whether the size of a message depends on the value of a field. */
function isCounted(field: DescField): boolean {
  if (field.message !== undefined) return field.message.typeName !== DURATION;
  return field.oneof !== undefined || hasLength(kindOf(field));
}

function memberOf(message: DescMessage, oneof: DescOneof): string {
  return isOneofOnly(message) ? "message" : `message.${oneof.localName}`;
}

/** Prints the code that writes one present value. */
function printValue(names: Names, field: DescField, value: string, indent: string): void {
  const { output } = names;
  const kind = kindOf(field);
  if (kind !== undefined) {
    output.print(
      indent,
      "writer.",
      kind.method,
      "(",
      tagOf(field, kind.wireType),
      ", ",
      value,
      ");",
    );
    return;
  }
  const { message } = field as MessageField;
  const tag = tagOf(field, WireType.LengthDelimited);
  if (names.shapes.isCold(field)) {
    const schema = output.importSchema(message);
    const created = [names.protobuf("create"), "(", schema, ", ", value, ")"];
    const encoded = [names.protobuf("toBinary"), "(", schema, ", ", created, ")"];
    output.print(indent, "writer.bytes(", tag, ", ", encoded, ");");
    return;
  }
  const isDuration = message.typeName === DURATION;
  const size = isDuration ? DURATION_BYTES : [names.of(message, "sizeOf"), "(", value, ")"];
  if (field.oneof !== undefined) output.print(indent, "writer.beginMost(", tag, ");");
  else output.print(indent, "writer.begin(", tag, ", ", size, ");");
  output.print(indent, names.of(message, "write"), "(writer, ", value, ");");
  output.print(indent, "writer.end();");
}
