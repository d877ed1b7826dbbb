/** What `opt` in buf.gen.yaml says to the plugin. Every key may be repeated. */
export interface CodecOptions {
  /** `hot=MESSAGE`: gets a reader, a writer and types. */
  hot: Set<string>;
  /**
   * `inline=MESSAGE`: a hot message that has all the fields of this one keeps them
   * encoded, as they are on the wire, in one property that is named for it.
   */
  inline: Set<string>;
  /** `tags=MESSAGE`: its tags are exported as constants, for what is read or written by hand. */
  tags: Set<string>;
  /** `read_kept=FIELD`: bytes that are read as `KeptBytes`, for what outlives the encoded message. */
  readKept: Set<string>;
  /** `write_kept=FIELD`: bytes that are read as a view, but may be written from `KeptBytes`. */
  writeKept: Set<string>;
  /** `read_copied=FIELD`: bytes that are read as a copy. Others are a view of the encoded message. */
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

/** @throws Error for a key that is not an option. */
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
