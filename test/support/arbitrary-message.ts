import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

const messages = new Map<string, fc.Arbitrary<Message>>();

/** Any message of a type, with anything that its descriptor allows. */
export function messageOf(desc: DescMessage): fc.Arbitrary<Message> {
  const known = messages.get(desc.typeName);
  if (known !== undefined) return known;
  const any = initOf(desc, 3).map((init) => create(desc, init as MessageInitShape<DescMessage>));
  messages.set(desc.typeName, any);
  return any;
}

/**
 * Durations that a number of milliseconds holds exactly. None is negative: the parts of two merged
 * durations could then differ in sign, which a number of milliseconds cannot express.
 */
const duration: fc.Arbitrary<Duration> = fc
  .integer({ min: 0, max: 1e12 })
  .map((ms) =>
    create(DurationSchema, { seconds: BigInt(Math.trunc(ms / 1000)), nanos: (ms % 1000) * 1e6 }),
  );

const text = fc.string({ unit: "binary" }).map((one) => one.toWellFormed());
/** protobuf-es assigns the entries of a map to an object, and so loses one with this key. */
const key = text.filter((one) => one !== "__proto__");

/** The lengths of short bytes, and some around that from which bytes are not kept as a string. */
const length = fc.oneof(fc.nat(40), fc.integer({ min: 1020, max: 1030 }));

/**
 * Bytes of a payload or a metadata value. Derived from one number: drawing them one by one would
 * take most of a test's time.
 */
export const bytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc
  .tuple(length, fc.nat())
  .map(([length, seed]) => Uint8Array.from({ length }, (_, i) => (seed * (i + 1)) >>> 7));

const scalars: Partial<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  [ScalarType.UINT32]: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  [ScalarType.INT32]: fc.integer(),
  [ScalarType.INT64]: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.DOUBLE]: fc.double(),
  [ScalarType.STRING]: text,
  [ScalarType.BYTES]: bytes,
};

/** The input from which protobuf-es creates a message; messages are nested up to `depth` levels. */
function initOf(desc: DescMessage, depth: number): fc.Arbitrary<unknown> {
  if (desc.typeName === DurationSchema.typeName) return duration;
  const members = desc.members.flatMap((member): [string, fc.Arbitrary<unknown>][] => {
    if (member.kind === "field") {
      const value = fieldOf(member, depth);
      return value === undefined ? [] : [[member.localName, value]];
    }
    const cases = member.fields.flatMap((field) => {
      const value = fieldOf(field, depth);
      return value === undefined ? [] : [fc.record({ case: fc.constant(field.localName), value })];
    });
    return [[member.localName, fc.oneof(fc.constant({ case: undefined }), ...cases)]];
  });
  return fc.record(Object.fromEntries(members), { requiredKeys: [] });
}

/** Any value of a field; undefined for a message that would be nested too deeply. */
function fieldOf(field: DescField, depth: number): fc.Arbitrary<unknown> | undefined {
  const one = itemOf(field, depth);
  if (one === undefined) return undefined;
  if (field.fieldKind === "list") return fc.array(one, { maxLength: 3 });
  return field.fieldKind === "map" ? fc.dictionary(key, one, { maxKeys: 3 }) : one;
}

function itemOf(field: DescField, depth: number): fc.Arbitrary<unknown> | undefined {
  if (field.message !== undefined) {
    return depth === 0 ? undefined : initOf(field.message, depth - 1);
  }
  if (field.enum !== undefined)
    return fc.constantFrom(...field.enum.values.map((one) => one.number));
  const scalar = scalars[field.scalar];
  if (scalar === undefined) throw new Error(`${field}: say here what it can hold`);
  return scalar;
}
