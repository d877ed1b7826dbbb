import { type GibbsError, messageOf } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";

const NEWLINE = 0x0a;

/** A line of the inputs. */
export interface Line {
  /** From 1. */
  number: number;
  /** Where it ends, with its newline, in bytes from the first line. */
  endsAt: number;
  /** Without its newline; undefined if it is too long. */
  bytes: Buffer | undefined;
}

/**
 * Cuts a stream of bytes at its newlines, and nowhere else: JSON may hold U+2028. Of a
 * line of more than `maxBytes` nothing is kept.
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

/** How many whole lines there are, and where the last of them ends, in bytes. */
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
 * The value of a line.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_LINE, not started, if it is none.
 */
export function parseLine({ bytes }: Line): unknown {
  if (bytes === undefined) throw badLine("the line is too long");
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw badLine("the line is no UTF-8");
  }
  if (text.trim() === "") throw badLine("the line is blank; every line is to be a JSON value");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badLine(`the line is no JSON: ${messageOf(error)}`);
  }
}

function badLine(message: string): GibbsError {
  return gibbsError("BAD_LINE", message, { execution: "NOT_STARTED" });
}
