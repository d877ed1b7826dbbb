import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countLines, type Line, parseLine, readLines } from "../../src/cli/map/lines.js";

async function all(chunks: (string | Buffer)[], maxBytes = 1000): Promise<Line[]> {
  const lines: Line[] = [];
  const source = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  for await (const line of readLines(source, maxBytes)) lines.push(line);
  return lines;
}

const texts = (lines: Line[]): (string | undefined)[] =>
  lines.map(({ bytes }) => bytes?.toString());

describe("lines", () => {
  it("are the same however the bytes arrive, and know where they end", async () => {
    const anyText = fc.array(fc.constantFrom("a", "é", "\u2028", "\r", "\n"), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(fc.nat(80), { maxLength: 6 }), async (letters, cuts) => {
        const whole = Buffer.from(letters.join(""));
        const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length];
        places.sort((a, b) => a - b);
        const chunks = places.slice(1).map((to, index) => whole.subarray(places[index], to));
        const lines = await all(chunks);
        const expected = whole.toString().split("\n");
        if (expected.at(-1) === "") expected.pop();
        expect(texts(lines)).toEqual(expected);
        for (const [index, { number, endsAt }] of lines.entries()) {
          expect(number).toBe(index + 1);
          const before = `${expected.slice(0, index + 1).join("\n")}\n`;
          expect(endsAt).toBe(Math.min(Buffer.byteLength(before), whole.length));
        }
        const counted = await countLines(Readable.from(chunks));
        const lastNewline = whole.lastIndexOf("\n");
        const newlines = letters.filter((letter) => letter === "\n").length;
        expect(counted).toEqual({ lines: newlines, endsAt: lastNewline + 1 });
      }),
    );
  });

  it("that are too long are dropped, and those after them are not", async () => {
    const lines = await all(["12345\n123", "456789", "0\n1234", "5\n123456"], 5);
    expect(texts(lines)).toEqual(["12345", undefined, "12345", undefined]);
    expect(lines.map(({ endsAt }) => endsAt)).toEqual([6, 17, 23, 29]);
  });

  it("are JSON, with a byte order mark and a carriage return, or say what is wrong", async () => {
    const good = await all(['\ufeff{"a": 1}\r\n', " null "]);
    expect(good.map(parseLine)).toEqual([{ a: 1 }, null]);
    const bad = await all(
      ["\n", " \r\n", "hello\n", Buffer.from([0x22, 0xff, 0x22, 10]), "123456"],
      5,
    );
    const told = [/blank/, /blank/, /not JSON: .*hello/, /not UTF-8/, /too long/];
    for (const [index, line] of bad.entries()) {
      const wrong = expect.objectContaining({
        code: "INVALID_ARGUMENT",
        reason: "BAD_LINE",
        execution: "NOT_STARTED",
        message: expect.stringMatching(told[index] ?? /nothing/),
      });
      expect(() => parseLine(line)).toThrow(wrong);
    }
    expect(bad).toHaveLength(told.length);
  });
});
