import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import type { Printable } from "@bufbuild/protoplugin";
import { kindOf } from "./kind.js";
import type { Names } from "./names.js";
import { isOptional, lowerFirst } from "./print-types.js";
import { type MessageField, propertyOf, tagOf } from "./shape.js";

/** Prints `readJob(reader, message)`, which merges what it reads into the message. */
export function printReader(names: Names, message: DescMessage): void {
  const { output, shapes } = names;
  const type = names.readType(message, shapes.isReadKept(message) ? names.keptBytes : "Uint8Array");
  const empty = `empty${message.name}`;
  printEmpty(names, message, empty, type);
  const inline = shapes.inlined(message);
  output.print("/** Reads a `", message.typeName, "` to its end. */");
  output.print(output.export("function", `read${message.name}`), [
    "(reader: ",
    names.reader,
    ", message: ",
    type,
    ` = ${empty}()): `,
    type,
    " {",
  ]);
  if (inline !== undefined) output.print("  const parts: Uint8Array[] = [];");
  output.print("  for (;;) {");
  if (inline !== undefined) output.print("    const from = reader.position;");
  output.print("    switch (reader.next()) {");
  output.print("      case 0:");
  if (inline !== undefined) {
    output.print("        message.", lowerFirst(inline.name), " = ", names.joined, "(parts);");
  }
  output.print("        return message;");
  if (inline !== undefined) printParts(names, inline);
  for (const field of shapes.fields(message)) printCase(names, field);
  output.print("      default:");
  output.print("        reader.skip();");
  output.print("    }");
  output.print("  }");
  output.print("}");
  output.print();
}

/** Prints `readWorkResponse(reader)` for a message that is a list. */
export function printListReader(names: Names, message: DescMessage, item: MessageField): void {
  const { output, shapes } = names;
  const bytes = shapes.isReadKept(item.message) ? names.keptBytes : "Uint8Array";
  const type = [names.readType(item.message, bytes), "[]"];
  output.print("/** Reads the items of a `", message.typeName, "`. */");
  output.print(output.export("function", `read${message.name}`), [
    "(reader: ",
    names.reader,
    "): ",
    type,
    " {",
  ]);
  output.print("  const items: ", type, " = [];");
  output.print("  for (;;) {");
  output.print("    switch (reader.next()) {");
  output.print("      case 0:");
  output.print("        return items;");
  output.print("      case ", tagOf(item, WireType.LengthDelimited), ": {");
  printNested(names, ["items.push(", names.of(item.message, "read"), "(reader));"]);
  output.print("      }");
  output.print("      default:");
  output.print("        reader.skip();");
  output.print("    }");
  output.print("  }");
  output.print("}");
  output.print();
}

/** Prints the cases that collect the encoded fields of an inline message. */
export function printParts({ output }: Names, inline: DescMessage): void {
  for (const field of inline.fields) {
    output.print(
      "      case ",
      tagOf(field, kindOf(field)?.wireType ?? WireType.LengthDelimited),
      ":",
    );
  }
  output.print("        reader.skip();");
  output.print("        parts.push(reader.since(from));");
  output.print("        break;");
}

function printEmpty(names: Names, message: DescMessage, name: string, type: Printable): void {
  const { output, shapes } = names;
  output.print("function ", name, "(): ", type, " {");
  output.print("  return {");
  const inline = shapes.inlined(message);
  if (inline !== undefined) output.print("    ", lowerFirst(inline.name), ": ", names.noBytes, ",");
  for (const field of shapes.fields(message)) {
    if (field.oneof !== undefined) continue;
    const property = names.member(field).replace("message.", "");
    output.print("    ", property, ": ", zeroOf(names, field), ",");
  }
  for (const oneof of shapes.oneofs(message)) output.print("    ", oneof.localName, ": UNSET,");
  output.print("  };");
  output.print("}");
  output.print();
}

function zeroOf(names: Names, field: DescField): Printable {
  if (isOptional(field)) return "undefined";
  if (field.fieldKind === "list") return "[]";
  const kind = kindOf(field);
  if (kind?.method !== "bytes") return kind?.zero ?? "undefined";
  return names.shapes.bytesMode(field) === "kept" ? '""' : names.noBytes;
}

function printCase(names: Names, field: DescField): void {
  const { output } = names;
  const kind = kindOf(field);
  const tag = tagOf(field, kind?.wireType ?? WireType.LengthDelimited);
  if (kind !== undefined) {
    output.print("      case ", tag, ":");
    output.print("        ", assignment(names, field, readOf(names, field, kind.method)), ";");
    output.print("        break;");
  } else if (names.shapes.isCold(field)) printColdCase(names, field, tag);
  else printHotCase(names, field as MessageField, tag);
}

function printHotCase(names: Names, field: MessageField, tag: number): void {
  const { output } = names;
  const before = field.fieldKind === "list" ? "" : [", ", presentValue(field)];
  const value = [names.of(field.message, "read"), "(reader", before, ")"];
  output.print("      case ", tag, ": {");
  printNested(names, [assignment(names, field, value), ";"]);
  output.print("      }");
}

/** Prints the code that reads a nested message and ends its case. */
function printNested({ output }: Names, statement: Printable): void {
  output.print("        const outer = reader.enter();");
  output.print("        ", statement);
  output.print("        reader.leave(outer);");
  output.print("        break;");
}

function printColdCase(names: Names, field: MessageField, tag: number): void {
  const { output } = names;
  const schema = output.importSchema(field.message);
  const value = [names.protobuf("fromBinary"), "(", schema, ", reader.bytes())"];
  output.print("      case ", tag, ": {");
  if (field.fieldKind === "list") output.print("        ", assignment(names, field, value), ";");
  else {
    output.print("        const before = ", presentValue(field), ";");
    output.print("        if (before === undefined) ", assignment(names, field, value), ";");
    output.print(
      ["        else ", names.protobuf("mergeFromBinary")],
      ["(", schema, ", before, reader.bytes());"],
    );
  }
  output.print("        break;");
  output.print("      }");
}

/** Prints a message field's current value, into which a repeated occurrence is merged. */
function presentValue(field: MessageField): string {
  const { oneof, localName } = field;
  if (oneof === undefined) return `message.${propertyOf(field)}`;
  const member = `message.${oneof.localName}`;
  return `${member}.case === "${localName}" ? ${member}.value : undefined`;
}

function assignment(names: Names, field: DescField, value: Printable): Printable {
  if (field.oneof !== undefined) {
    const member = `message.${field.oneof.localName}`;
    return [member, ' = { case: "', field.localName, '", value: ', value, " }"];
  }
  if (field.fieldKind === "list") return [names.member(field), ".push(", value, ")"];
  return [names.member(field), " = ", value];
}

function readOf(names: Names, field: DescField, method: string): Printable {
  if (method !== "bytes") return `reader.${method}()`;
  const mode = names.shapes.bytesMode(field);
  if (mode === "kept") return "reader.bytesToKeep()";
  return mode === "copied" ? "reader.bytes().slice()" : "reader.bytes()";
}
