import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import type { GeneratedFile, ImportSymbol, Printable } from "@bufbuild/protoplugin";
import { propertyOf, type Shapes } from "./shape.js";

/** The names that a codec uses, each imported by the files that use it. */
export class Names {
  readonly output: GeneratedFile;
  readonly shapes: Shapes;
  readonly #file: DescFile;

  constructor(output: GeneratedFile, file: DescFile, shapes: Shapes) {
    this.output = output;
    this.#file = file;
    this.shapes = shapes;
  }

  get reader(): ImportSymbol {
    return this.#runtime("protobuf/byte-reader.js", "ByteReader", true);
  }

  get writer(): ImportSymbol {
    return this.#runtime("protobuf/byte-writer.js", "ByteWriter", true);
  }

  get keptBytes(): ImportSymbol {
    return this.#runtime("base/bytes.js", "KeptBytes", true);
  }

  get noBytes(): ImportSymbol {
    return this.#runtime("base/bytes.js", "NO_BYTES");
  }

  get joined(): ImportSymbol {
    return this.#runtime("base/bytes.js", "joined");
  }

  /** A function from `src/protobuf/duration.ts`. */
  duration(name: string): ImportSymbol {
    return this.#runtime("protobuf/duration.js", name);
  }

  byteReader(): ImportSymbol {
    return this.#runtime("protobuf/byte-reader.js", "ByteReader");
  }

  /** A function from protobuf-es. */
  protobuf(name: "create" | "fromBinary" | "mergeFromBinary" | "toBinary"): ImportSymbol {
    return this.output.import(name, "@bufbuild/protobuf");
  }

  initShape(message: DescMessage): Printable {
    const shape = this.output.import("MessageInitShape", "@bufbuild/protobuf", true);
    return [shape, "<typeof ", this.output.importSchema(message, true), ">"];
  }

  /** A codec's export for a message: `readJob`, `sizeOfJob`, `Job`. */
  of(message: DescMessage, before = "", after = "", typeOnly = false): Printable {
    const name = `${before}${message.name}${after}`;
    if (message.file === this.#file) return name;
    return this.output.import(name, `./${message.file.name}_codec.js`, typeOnly);
  }

  /** The type of a message for reading; `bytes` is the type of bytes that may be kept. */
  readType(message: DescMessage, bytes: Printable): Printable {
    return [this.of(message, "", "", true), this.#argument(message, bytes)];
  }

  /** The type of a message for writing. */
  writeType(message: DescMessage, bytes: Printable): Printable {
    const init = this.shapes.hasInit(message) ? "Init" : "";
    return [this.of(message, "", init, true), this.#argument(message, bytes)];
  }

  #argument(message: DescMessage, bytes: Printable): Printable {
    return this.shapes.isGeneric(message) ? ["<", bytes, ">"] : "";
  }

  /** The type parameter of a message with bytes that may be kept. */
  parameter(message: DescMessage): Printable {
    if (!this.shapes.isGeneric(message)) return "";
    return ["<Bytes extends ", this.keptBytes, " = Uint8Array>"];
  }

  /** `message.jobId`. */
  member(field: DescField): string {
    return `message.${propertyOf(field)}`;
  }

  /** An import from `src`, the parent of `src/gen`. */
  #runtime(path: string, name: string, typeOnly = false): ImportSymbol {
    return this.output.import(name, `../${path}`, typeOnly);
  }
}
