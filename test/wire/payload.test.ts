import { create, fromBinary, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PayloadSchema } from "../../src/wire/index.js";
import { decodePayload, encodePayload } from "../../src/wire/payload/payload.js";
import { data } from "../support/data.js";

describe("payload", () => {
  it("carries any JSON value and any bytes there and back", () => {
    fc.assert(
      fc.property(data, (value) => {
        expect(decodePayload(encodePayload(value))).toEqual(value);
      }),
    );
  });

  it("matches what protobuf-es writes and reads", () => {
    fc.assert(
      fc.property(data, (value) => {
        const kind =
          value instanceof Uint8Array
            ? { case: "data" as const, value }
            : { case: "value" as const, value: fromJson(ValueSchema, value as JsonValue) };
        const payload = create(PayloadSchema, { kind });
        expect(fromBinary(PayloadSchema, new Uint8Array(encodePayload(value)))).toEqual(payload);
        expect(decodePayload(toBinary(PayloadSchema, payload))).toEqual(value);
      }),
    );
  });

  it("is read with a key that every JavaScript object has", () => {
    const entry = Buffer.from("0a0d0a095f5f70726f746f5f5f1200", "hex");
    const struct = Buffer.concat([Buffer.from([0x2a, entry.length]), entry]);
    const encoded = Buffer.concat([Buffer.from([0x0a, struct.length]), struct]);
    const decoded = decodePayload(encoded) as object;
    expect(Object.getOwnPropertyNames(decoded)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });

  it("reads an empty payload, and undefined, as null", () => {
    expect(decodePayload(toBinary(PayloadSchema, create(PayloadSchema)))).toBeNull();
    expect(decodePayload(encodePayload(undefined))).toBeNull();
  });

  it("returns bytes as a plain Uint8Array, whatever they were read from", () => {
    const encoded = Buffer.from(encodePayload(Buffer.from("abc")));
    expect(decodePayload(encoded)).toStrictEqual(new Uint8Array([97, 98, 99]));
  });

  const cycle: unknown[] = [];
  cycle.push(cycle);
  it.each([
    [Number.NaN, /^NaN cannot/],
    [{ a: [1, Number.POSITIVE_INFINITY] }, /^Infinity at a\[1\] /],
    [{ a: { b: undefined } }, /^undefined at a\.b /],
    [[1n], /^bigint at \[0\] /],
    [{ when: new Date(0) }, /^an instance of Date at when /],
    [[new Uint8Array(1)], /^an instance of Uint8Array at \[0\] /],
    [JSON.parse('{"a": {"__proto__": 1}}'), /^a key named __proto__ at a /],
    [JSON.parse("[".repeat(1001) + "]".repeat(1001)), /^more than 1000 levels cannot/],
    [() => 1, /^function cannot/],
    ["\ud800", /^a string with a lone surrogate cannot/],
    [cycle, /^a cycle at \[0\] /],
  ])("refuses %s and names the path", (value, message) => {
    expect(() => encodePayload(value)).toThrow(TypeError);
    expect(() => encodePayload(value)).toThrow(message);
  });
});
