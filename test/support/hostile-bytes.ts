import { http2Frame } from "./raw-http2.js";

// Bytes that no library would send.

/** Inputs that no protobuf decoder accepts as a message, by what is wrong with them. */
export const malformed: Readonly<Record<string, Buffer>> = {
  "a tag that does not end": Buffer.from([0xff, 0xff]),
  "a varint of eleven bytes": Buffer.alloc(11, 0xff),
  "the field number 0": Buffer.from([0x02, 0x00]),
  "the wire type 7": Buffer.from([0x0f]),
  "a length beyond the end": Buffer.from([0x0a, 0x7f, 0x01]),
  "a length of 4 GiB": Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  "a group that does not end": Buffer.from([0x9b, 0x06]),
  "groups within groups, 100,000 deep": Buffer.alloc(200_000, Buffer.from([0x9b, 0x06])),
};

/** An encoded `Value`: a list within a list, `depth` levels deep. */
export function deepValue(levels: number): Buffer {
  // Value{null_value}
  const innermost = Buffer.from([0x08, 0x00]);
  const prefixes: Buffer[] = [];
  let length = innermost.length;
  for (let level = 0; level < levels; level += 1) {
    // Value{list_value: ListValue{values: [...]}}
    const values = Buffer.concat([Buffer.from([0x0a]), varint(length)]);
    const list = Buffer.concat([Buffer.from([0x32]), varint(values.length + length)]);
    prefixes.push(values, list);
    length += values.length + list.length;
  }
  return Buffer.concat([...prefixes.reverse(), innermost]);
}

/** A length-delimited field. */
export function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/**
 * Headers that are small on the wire and 64 MB when unpacked: one of 4,000 bytes, and 16,000
 * references to it.
 */
export function headerBomb(): Buffer {
  return Buffer.concat([
    http2Frame(HEADERS, END_STREAM, 1, Buffer.concat([requestLine, literal("x-big", 4000)])),
    http2Frame(CONTINUATION, END_HEADERS, 1, Buffer.alloc(16_000, 0xbe)),
  ]);
}

/** Headers that never end, 8 MB of them. */
export function endlessHeaders(): Buffer {
  const more = http2Frame(CONTINUATION, 0, 1, literal("y", 4000));
  return Buffer.concat([
    http2Frame(HEADERS, END_STREAM, 1, requestLine),
    ...Array<Buffer>(2000).fill(more),
  ]);
}

const [HEADERS, CONTINUATION] = [1, 9];
const [END_STREAM, END_HEADERS] = [1, 4];

/** In HPACK: POST, http, /, and the authority "a". */
const requestLine = Buffer.from([0x83, 0x86, 0x84, 0x41, 0x01, 0x61]);

/** In HPACK: a header to be indexed, with a value of `bytes` bytes, 127 to 16,510. */
function literal(name: string, bytes: number): Buffer {
  const rest = bytes - 0x7f;
  const length = [0x7f, (rest & 0x7f) | 0x80, rest >> 7];
  const start = Buffer.from([0x40, name.length, ...Buffer.from(name), ...length]);
  return Buffer.concat([start, Buffer.alloc(bytes, "x")]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
