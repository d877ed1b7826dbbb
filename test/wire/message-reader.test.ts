import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withPrefix } from "../../src/wire/grpc/message-prefix.js";
import { MessageReader, type RawMessage } from "../../src/wire/grpc/message-reader.js";

const MAX_BYTES = 100_000;

/** Reads data that arrives in chunks ending at the given offsets. */
function readIn(reader: MessageReader, body: Buffer, cuts: readonly number[]): RawMessage[] {
  const messages: RawMessage[] = [];
  let from = 0;
  for (const to of [
    ...cuts.filter((cut) => cut < body.length).sort((a, b) => a - b),
    body.length,
  ]) {
    reader.push(body.subarray(from, to));
    from = to;
    for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
  }
  return messages;
}

describe("a message reader", () => {
  it("returns the messages that were sent, however they are split", () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.integer({ min: 16_000, max: MAX_BYTES }).map((length) => new Uint8Array(length).fill(7)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ message, isCompressed: fc.boolean() }), { maxLength: 6 }),
        fc.array(fc.nat(2 * MAX_BYTES), { maxLength: 20 }),
        (sent, cuts) => {
          const framed = sent.map((one) => {
            const bytes = withPrefix(one.message);
            bytes[0] = Number(one.isCompressed);
            return bytes;
          });
          const read = readIn(new MessageReader(MAX_BYTES), Buffer.concat(framed), cuts);
          // As strings: toEqual takes seconds for arrays of this size.
          expect(read.map(({ bytes }) => bytes.toString("latin1"))).toEqual(
            sent.map((one) => Buffer.from(one.message).toString("latin1")),
          );
          expect(read.map(({ isCompressed }) => isCompressed)).toEqual(
            sent.map((one) => one.isCompressed),
          );
        },
      ),
    );
  });

  it("reports the awaited message, byte by byte", () => {
    const reader = new MessageReader(MAX_BYTES);
    const framed = withPrefix(Buffer.alloc(40_000, 1));
    const awaited: (number | undefined)[] = [];
    for (const byte of framed.subarray(0, -1)) {
      reader.push(Buffer.from([byte]));
      if (reader.next() !== undefined) throw new Error("a message before its last byte");
      awaited.push(reader.awaited);
    }
    expect(new Set(awaited.slice(0, 4))).toEqual(new Set([undefined]));
    expect(new Set(awaited.slice(4))).toEqual(new Set([40_000]));
    reader.push(framed.subarray(-1));
    expect(reader.next()?.bytes).toEqual(framed.subarray(5));
    expect(reader.awaited).toBeUndefined();
  });

  it("refuses an oversize message before it has arrived", () => {
    const reader = new MessageReader(MAX_BYTES);
    reader.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    expect(() => reader.next()).toThrow("4294967295 bytes, more than 100000");
  });
});
