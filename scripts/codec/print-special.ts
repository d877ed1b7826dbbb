import type { DescMessage } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import type { GeneratedFile } from "@bufbuild/protoplugin";
import { kindOf } from "./kind.js";
import type { Names } from "./names.js";
import { printParts } from "./print-reader.js";
import { lowerFirst } from "./print-types.js";
import { tagOf } from "./shape.js";

/** Prints the tags of a message: for a map, also those of its entries. */
export function printTags(output: GeneratedFile, message: DescMessage): void {
  output.print("/** The tags of `", message.typeName, "`. */");
  output.print(output.export("const", `${message.name}Tag`), " = {");
  for (const field of message.fields) {
    if (field.fieldKind !== "map") {
      const tag = tagOf(field, kindOf(field)?.wireType ?? WireType.LengthDelimited);
      output.print("  ", field.localName, ": ", tag, ",");
      continue;
    }
    // A map is a list of messages with the key as field 1 and the value as field 2.
    if (field.mapKind !== "message") throw new Error(`${field}: only maps of messages have tags`);
    output.print("  ", field.localName, ": ", tagOf(field, WireType.LengthDelimited), ",");
    output.print("  ", field.localName, "Key: ", 8 + WireType.LengthDelimited, ",");
    output.print("  ", field.localName, "Value: ", 16 + WireType.LengthDelimited, ",");
  }
  output.print("} as const;");
  output.print();
}

/** Prints `payloadFields(encoded)` for a message that others hold inline. */
export function printInline(names: Names, message: DescMessage): void {
  const { output } = names;
  output.print(
    "/** The fields of a `",
    message.typeName,
    "` in `encoded`, still encoded, without any others. */",
  );
  output.print(
    output.export("function", `${lowerFirst(message.name)}Fields`),
    "(encoded: Uint8Array): Uint8Array {",
  );
  output.print("  const reader = new ", names.byteReader(), "(encoded);");
  output.print("  const parts: Uint8Array[] = [];");
  output.print("  for (;;) {");
  output.print("    const from = reader.position;");
  output.print("    switch (reader.next()) {");
  output.print("      case 0:");
  output.print("        return ", names.joined, "(parts);");
  printParts(names, message);
  output.print("      default:");
  output.print("        reader.skip();");
  output.print("    }");
  output.print("  }");
  output.print("}");
  output.print();
}

/** Prints the reader and the writer of a Duration, represented as milliseconds. */
export function printDuration(names: Names, message: DescMessage): void {
  const { output } = names;
  const tag = (name: string): number => {
    const field = message.fields.find((one) => one.name === name);
    if (field === undefined) throw new Error(`${message} has no ${name}`);
    return tagOf(field, WireType.Varint);
  };
  const [seconds, nanos] = [tag("seconds"), tag("nanos")];
  output.print("/** Reads a `", message.typeName, "` to its end, in milliseconds. */");
  output.print(output.export("function", "readDuration"), [
    "(reader: ",
    names.reader,
    ", ms = 0): number {",
  ]);
  output.print("  let seconds = ", names.duration("secondsOf"), "(ms);");
  output.print("  let nanos = ", names.duration("nanosOf"), "(ms);");
  output.print("  for (;;) {");
  output.print("    switch (reader.next()) {");
  output.print("      case 0:");
  output.print("        return ", names.duration("toMs"), "(seconds, nanos);");
  output.print("      case ", seconds, ":");
  output.print("        seconds = reader.int64();");
  output.print("        break;");
  output.print("      case ", nanos, ":");
  output.print("        nanos = reader.int32();");
  output.print("        break;");
  output.print("      default:");
  output.print("        reader.skip();");
  output.print("    }");
  output.print("  }");
  output.print("}");
  output.print();
  output.print("/** Writes the fields of a `", message.typeName, "`, given in milliseconds. */");
  output.print(output.export("function", "writeDuration"), [
    "(writer: ",
    names.writer,
    ", ms: number): void {",
  ]);
  output.print("  const seconds = ", names.duration("secondsOf"), "(ms);");
  output.print("  const nanos = ", names.duration("nanosOf"), "(ms);");
  output.print("  if (seconds !== 0) writer.int64(", seconds, ", seconds);");
  output.print("  if (nanos !== 0) writer.int32(", nanos, ", nanos);");
  output.print("}");
  output.print();
}
