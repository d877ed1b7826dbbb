import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import type { Printable } from "@bufbuild/protoplugin";
import { kindOf } from "./kind.js";
import type { Names } from "./names.js";
import { DURATION, isOneofOnly, propertyOf } from "./shape.js";

/** Whether a message's type is for reading or for writing. */
type Side = "read" | "write";

/** Prints the types of a message: `Job`, and `JobInit` if writing takes a different type. */
export function printTypes(names: Names, message: DescMessage): void {
  const { output, shapes } = names;
  printInterface(names, message, message.name, "read");
  if (!shapes.hasInit(message)) return;
  const [oneof] = message.oneofs;
  if (oneof === undefined || !isOneofOnly(message)) {
    return printInterface(names, message, `${message.name}Init`, "write");
  }
  output.print("/** `", message.typeName, "` as it is written. */");
  const parameter = names.parameter(message);
  output.print(output.export("type", `${message.name}Init`), parameter, " =");
  printUnion(names, oneof, "write", "  ", ";");
  output.print();
}

function printInterface(names: Names, message: DescMessage, name: string, side: Side): void {
  const { output, shapes } = names;
  if (side === "read") output.print(output.jsDoc(message));
  else output.print("/** `", message.typeName, "` as it is written. */");
  output.print(output.export("interface", name), names.parameter(message), " {");
  const inline = shapes.inlined(message);
  if (inline !== undefined) {
    output.print("  /** The fields of an encoded `", inline.typeName, "`. */");
    output.print("  ", lowerFirst(inline.name), ": Uint8Array;");
  }
  for (const field of shapes.fields(message)) {
    if (field.oneof !== undefined) continue;
    output.print(output.jsDoc(field, "  "));
    const type = typeOf(names, field, side);
    if (isOptional(field)) output.print("  ", propertyOf(field), "?: ", type, " | undefined;");
    else
      output.print(
        "  ",
        propertyOf(field),
        ": ",
        type,
        field.fieldKind === "list" ? "[]" : "",
        ";",
      );
  }
  for (const oneof of shapes.oneofs(message)) {
    output.print(output.jsDoc(oneof, "  "));
    output.print("  ", oneof.localName, ":");
    printUnion(names, oneof, side, "    ", ";");
  }
  output.print("}");
  output.print();
}

function printUnion(names: Names, oneof: DescOneof, side: Side, indent: string, end: string): void {
  const { output } = names;
  for (const field of oneof.fields) {
    const type = typeOf(names, field, side);
    output.print(indent, '| { case: "', field.localName, '"; value: ', type, " }");
  }
  output.print(indent, "| { case: undefined; value?: undefined }", end);
}

function typeOf(names: Names, field: DescField, side: Side): Printable {
  const { output, shapes } = names;
  const { message } = field;
  if (message?.typeName === DURATION) return "number";
  if (message !== undefined) {
    if (shapes.isCold(field)) {
      return side === "read" ? output.importShape(message) : names.initShape(message);
    }
    return side === "read" ? names.readType(message, "Bytes") : names.writeType(message, "Bytes");
  }
  if (field.enum !== undefined) return output.importShape(field.enum);
  switch (kindOf(field)?.method) {
    case "bool":
      return "boolean";
    case "string":
      return "string";
    case "bytes":
      return shapes.isKept(field) ? "Bytes" : "Uint8Array";
    default:
      return "number";
  }
}

/** Whether a field may be absent and is then undefined. */
export function isOptional(field: DescField): boolean {
  return field.fieldKind !== "list" && field.presence === Presence.EXPLICIT;
}

export function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
