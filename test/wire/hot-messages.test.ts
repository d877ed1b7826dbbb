import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageOf } from "../support/arbitrary-message.js";
import { expectSame } from "../support/expect-same.js";
import { codecs, decode, encode } from "../support/hot-codecs.js";

// Every message with a generated codec must be written so that protobuf-es can read it, and read as
// protobuf-es reads it, whichever messages buf.gen.yaml lists.

const hot = Array.from(codecs, ([name, codec]) => [name, codec] as const);

it("are all messages of a request", () => {
  const names = ["Job", "Result", "Ready", "Call", "CallResponse", "RequestRequest", "CallInfo"];
  const expected = names.map((name) => `gibbs.v1.${name}`);
  expect([...codecs.keys()]).toEqual(expect.arrayContaining(expected));
});

describe.each(hot)("%s", (_, codec) => {
  const { desc } = codec;

  it("is written so that protobuf-es can read it", () => {
    fc.assert(
      fc.property(messageOf(desc), (message) => {
        expectSame(fromBinary(desc, encode(codec, message)), message);
      }),
    );
  });

  it("is read as protobuf-es reads it", () => {
    fc.assert(
      fc.property(messageOf(desc), (message) => {
        expectSame(decode(codec, toBinary(desc, message)), message);
      }),
    );
  });

  it("is merged as protobuf-es merges it", () => {
    fc.assert(
      fc.property(messageOf(desc), messageOf(desc), (first, second) => {
        const both = Buffer.concat([toBinary(desc, first), toBinary(desc, second)]);
        expectSame(decode(codec, both), fromBinary(desc, new Uint8Array(both)));
      }),
    );
  });

  it("is read without the fields that a later version adds", () => {
    fc.assert(
      fc.property(messageOf(desc), (message) => {
        const expected = fromBinary(desc, toBinary(desc, message));
        addUnknown(reflect(desc, message));
        expectSame(decode(codec, toBinary(desc, message)), expected);
      }),
    );
  });

  it("is refused where protobuf-es refuses it: truncated", () => {
    fc.assert(
      fc.property(messageOf(desc), fc.nat(), (message, at) => {
        const whole = toBinary(desc, message);
        const cut = whole.slice(0, at % (whole.length + 1));
        expectSame(
          outcome(() => decode(codec, cut)),
          outcome(() => fromBinary(desc, cut)),
        );
      }),
    );
  });
});

function outcome(decode: () => Message): Message | "refused" {
  try {
    return decode();
  } catch {
    return "refused";
  }
}

/** Adds undefined fields at every level that a generated codec reads. */
function addUnknown(message: ReflectMessage): void {
  if (!codecs.has(message.desc.typeName)) return;
  message.setUnknown(
    [WireType.Varint, WireType.Bit64, WireType.LengthDelimited, WireType.Bit32].map(
      (wireType, index) => ({ no: 3000 + index, wireType, data: dataOf(wireType) }),
    ),
  );
  for (const field of message.fields) {
    if (field.fieldKind === "list" && field.listKind === "message") {
      for (const one of message.get(field)) addUnknown(one as ReflectMessage);
    } else if (field.fieldKind === "message" && message.isSet(field)) {
      addUnknown(message.get(field));
    }
  }
}

function dataOf(wireType: WireType): Uint8Array {
  if (wireType === WireType.Varint) return new Uint8Array([0xac, 0x02]);
  if (wireType === WireType.LengthDelimited) return new Uint8Array([2, 0x68, 0x69]);
  return new Uint8Array(wireType === WireType.Bit64 ? 8 : 4).fill(7);
}
