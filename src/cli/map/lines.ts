import { type GibbsError, messageOf } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";

const NEWLINE = 0x0a;

/** An input line. */
export interface Line {
  /** The line number, from 1. */
  number: number;
  /** The offset of its end, including the newline, in bytes from the start of the input. */
  endsAt: number;
  /** Its bytes without the newline; undefined if the line is too long. */
  bytes: Buffer | undefined;
}

/**
 * Splits a byte stream at newlines and nowhere else: JSON may contain U+2028. Lines longer than
 * `maxBytes` are not buffered.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<Line, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  let position = 0;

  const add = (part: Buffer): void => {
    length += part.length;
    if (length > maxBytes) parts = [];
    else parts.push(part);
  };
  const cut = (): Line => {
    const [first = Buffer.alloc(0), ...more] = parts;
    const whole = more.length === 0 ? first : Buffer.concat(parts);
    const bytes = length > maxBytes ? undefined : whole;
    parts = [];
    length = 0;
    return { number: ++number, endsAt: position, bytes };
  };

  for await (const chunk of chunks) {
    let from = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, from);
      if (newline === -1) break;
      add(chunk.subarray(from, newline));
      position += newline + 1 - from;
      from = newline + 1;
      yield cut();
    }
    add(chunk.subarray(from));
    position += chunk.length - from;
  }
  if (length > 0) yield cut();
}

/** Counts the complete lines, and returns the offset in bytes at which the last one ends. */
export async function countLines(
  chunks: AsyncIterable<Buffer>,
): Promise<{ lines: number; endsAt: number }> {
  let lines = 0;
  let endsAt = 0;
  let position = 0;
  for await (const chunk of chunks) {
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) {
      lines += 1;
      endsAt = position + at + 1;
    }
    position += chunk.length;
  }
  return { lines, endsAt };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Returns the value of a line.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_LINE, NOT_STARTED, if it is not a JSON value.
 */
export function parseLine({ bytes }: Line): unknown {
  if (bytes === undefined) throw badLine("the line is too long");
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw badLine("the line is not UTF-8");
  }
  if (text.trim() === "") throw badLine("the line is blank; every line must be a JSON value");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badLine(`the line is not JSON: ${messageOf(error)}`);
  }
}

function badLine(message: string): GibbsError {
  return gibbsError("BAD_LINE", message, { execution: "NOT_STARTED" });
}
