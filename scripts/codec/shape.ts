import type { DescField, DescFile, DescMessage, DescOneof } from "@bufbuild/protobuf";
import type { CodecOptions } from "./options.js";

/** In hot messages, `google.protobuf.Duration` is a number of milliseconds. */
export const DURATION = "google.protobuf.Duration";

/** A field that holds a message or a list of messages. */
export type MessageField = DescField & { message: DescMessage };

/** The TypeScript form of all messages in a run, and which files get a codec. */
export class Shapes {
  readonly #options: CodecOptions;
  readonly #types = new Map<string, DescMessage>();

  /** @throws Error if an option names an unknown message or field. */
  constructor(files: readonly DescFile[], options: CodecOptions) {
    this.#options = options;
    for (const file of files) {
      for (const message of file.messages) this.#types.set(message.typeName, message);
    }
    for (const name of [...options.hot, ...options.inline, ...options.tags]) this.#find(name);
    for (const name of [...options.readKept, ...options.writeKept, ...options.readCopied]) {
      const at = name.lastIndexOf(".");
      const { fields } = this.#find(name.slice(0, at));
      if (!fields.some((field) => field.name === name.slice(at + 1))) {
        throw new Error(`no field ${name}`);
      }
    }
  }

  #find(name: string): DescMessage {
    const message = this.#types.get(name);
    if (message === undefined) throw new Error(`no message ${name}`);
    return message;
  }

  /** The files that get a codec. */
  get files(): Set<DescFile> {
    const { hot, inline, tags } = this.#options;
    const files = new Set([...hot, ...inline, ...tags].map((name) => this.#find(name).file));
    const all = [...hot].flatMap((name) => this.#find(name).fields);
    const duration = all.find(({ message }) => message?.typeName === DURATION)?.message;
    return duration === undefined ? files : files.add(duration.file);
  }

  isHot({ typeName }: DescMessage): boolean {
    return this.#options.hot.has(typeName);
  }

  isInline({ typeName }: DescMessage): boolean {
    return this.#options.inline.has(typeName);
  }

  hasTags({ typeName }: DescMessage): boolean {
    return this.#options.tags.has(typeName);
  }

  /** The message that `message` holds inline, if there is one. */
  inlined(message: DescMessage): DescMessage | undefined {
    if (!this.isHot(message)) return undefined;
    for (const name of this.#options.inline) {
      const inline = this.#find(name);
      if (inline.fields.every((field) => hasField(message, field))) return inline;
    }
    return undefined;
  }

  /** The fields that are separate properties: all except those of an inline message. */
  fields(message: DescMessage): DescField[] {
    const inline = this.inlined(message);
    const own = message.fields.filter((field) => !(inline && hasField(inline, field)));
    return own.toSorted((a, b) => a.number - b.number);
  }

  /** The oneofs that are separate properties. */
  oneofs(message: DescMessage): DescOneof[] {
    const own = this.fields(message);
    return message.oneofs.filter(({ fields }) => fields.some((field) => own.includes(field)));
  }

  /** How a bytes field is read. */
  bytesMode(field: DescField): "view" | "kept" | "copied" {
    const name = `${field.parent.typeName}.${field.name}`;
    if (this.#options.readKept.has(name)) return "kept";
    return this.#options.readCopied.has(name) ? "copied" : "view";
  }

  /** Whether the type of a bytes field is a parameter of its message's type. */
  isKept(field: DescField): boolean {
    const name = `${field.parent.typeName}.${field.name}`;
    return this.#options.readKept.has(name) || this.#options.writeKept.has(name);
  }

  /** Whether a message, or one nested in it, has a bytes field that {@link isKept}. */
  isGeneric(message: DescMessage): boolean {
    return this.#within(message, (field) => this.isKept(field));
  }

  /** Whether a message, or one nested in it, has a field that is read as `KeptBytes`. */
  isReadKept(message: DescMessage): boolean {
    return this.#within(message, (field) => this.bytesMode(field) === "kept");
  }

  /**
   * Whether writing takes a different type than reading: a lone oneof, or a part that protobuf-es
   * encodes.
   */
  hasInit(message: DescMessage): boolean {
    if (isOneofOnly(message)) return true;
    return this.#within(message, (field) => this.isCold(field));
  }

  /** Whether a field holds a message that protobuf-es reads and writes. */
  isCold(field: DescField): field is MessageField {
    const { message } = field;
    return message !== undefined && !this.isHot(message) && message.typeName !== DURATION;
  }

  #within(message: DescMessage, found: (field: DescField) => boolean): boolean {
    return message.fields.some((field) => {
      if (found(field)) return true;
      return field.message !== undefined && this.isHot(field.message)
        ? this.#within(field.message, found)
        : false;
    });
  }
}

/**
 * The field of a message that is a list, whose only field is a repeated message; it is read and
 * written as its items.
 */
export function itemOf(message: DescMessage): MessageField | undefined {
  const [field, more] = message.fields;
  const isList = field?.fieldKind === "list" && field.listKind === "message";
  return isList && more === undefined ? field : undefined;
}

/** Whether a message consists of a single oneof, and is written from the oneof's value. */
export function isOneofOnly(message: DescMessage): boolean {
  const [member, more] = message.members;
  return member?.kind === "oneof" && more === undefined;
}

/** A field's tag on the wire: its number and wire type. */
export function tagOf({ number }: DescField, wireType: number): number {
  return number * 8 + wireType;
}

/** The name of a field's property. */
export function propertyOf(field: DescField): string {
  return field.message?.typeName === DURATION ? `${field.localName}Ms` : field.localName;
}

function hasField(message: DescMessage, { number, name }: DescField): boolean {
  return message.fields.some((field) => field.number === number && field.name === name);
}
