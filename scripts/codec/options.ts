/** The plugin options from `opt` in buf.gen.yaml. Every key may be repeated. */
export interface CodecOptions {
  /** `hot=MESSAGE`: generates a reader, a writer and types. */
  hot: Set<string>;
  /**
   * `inline=MESSAGE`: a hot message that has all the fields of this one keeps them encoded, as on
   * the wire, in one property named after it.
   */
  inline: Set<string>;
  /** `tags=MESSAGE`: exports its tags as constants, for hand-written readers and writers. */
  tags: Set<string>;
  /** `read_kept=FIELD`: reads bytes as `KeptBytes`, for values that outlive the encoded message. */
  readKept: Set<string>;
  /** `write_kept=FIELD`: reads bytes as a view, but also writes `KeptBytes`. */
  writeKept: Set<string>;
  /** `read_copied=FIELD`: reads bytes as a copy. Other bytes are a view of the encoded message. */
  readCopied: Set<string>;
}

const keys: Readonly<Record<string, keyof CodecOptions>> = {
  hot: "hot",
  inline: "inline",
  tags: "tags",
  read_kept: "readKept",
  write_kept: "writeKept",
  read_copied: "readCopied",
};

/** @throws Error for an unknown key. */
export function parseOptions(raw: readonly { key: string; value: string }[]): CodecOptions {
  const options: CodecOptions = {
    hot: new Set(),
    inline: new Set(),
    tags: new Set(),
    readKept: new Set(),
    writeKept: new Set(),
    readCopied: new Set(),
  };
  for (const { key, value } of raw) {
    const option = keys[key];
    if (option === undefined) throw new Error(`unknown option ${key}`);
    options[option].add(value);
  }
  return options;
}
