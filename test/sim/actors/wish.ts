import { create, toBinary } from "@bufbuild/protobuf";
import { Metadata } from "@grpc/grpc-js";
import { RequestRequestSchema } from "../../../src/gen/gibbs/v1/hub_pb.js";
import { toDuration } from "../../../src/wire/duration.js";
import { encodePayload } from "../../../src/wire/payload.js";
import type { Chance } from "../machine/chance.js";

/** The methods that workers serve. */
export const METHODS = ["", "a", "b"] as const;

/** How many clients there are. */
export const CLIENTS = 3;

/** Metadata that the hub forwards. */
export const FORWARDED = "traceparent";

/** What is wrong with a request before it reaches the core, if anything is. */
export type Flaw = "MALFORMED" | "BAD_OPTION";

/** One request as its client sends it. Times in milliseconds, undefined for none. */
export interface Wish {
  /** Which of the clients asks. */
  client: number;
  method: string;
  /** The encoded payload, whose size counts. */
  payload: Uint8Array;
  /** Bytes of the metadata that counts. */
  metadataBytes: number;
  metadata: Metadata;
  encoded: Buffer;
  flaw: Flaw | undefined;
  /** Whether workers can decode the payload. */
  decodes: boolean;
  timeoutMs: number | undefined;
  queueTimeoutMs: number | undefined;
  runTimeoutMs: number | undefined;
  idempotent: boolean | undefined;
  maxAttempts: number | undefined;
}

/** The input of a handler: it says by itself who asked and, by a seed, how the handler behaves. */
export interface Input {
  call: number;
  seed: number;
}

/** Something that is no JSON value: a string of invalid UTF-8. */
const UNDECODABLE = new Uint8Array([0x0a, 0x03, 0x1a, 0x01, 0xff]);

/** Draws a request. `maxPayloadBytes` is the hub's limit. */
export function makeWish(call: number, chance: Chance, maxPayloadBytes: number): Wish {
  const decodes = !chance.flip(0.03);
  const wish = {
    client: chance.int(0, CLIENTS - 1),
    method: chance.flip(0.04) ? "misspelt" : chance.pick(METHODS),
    payload: decodes ? encodePayload(makeInput(call, chance, maxPayloadBytes)) : UNDECODABLE,
    decodes,
    flaw: makeFlaw(chance),
    timeoutMs: chance.flip(0.5)
      ? chance.pick([undefined, 60_000, 10_000])
      : chance.pick([-1, 0, 1, 2, 20, 100, 500, 2000, 5000]),
    queueTimeoutMs: chance.flip(0.6) ? undefined : chance.pick([0, 1, 30, 300, 3000]),
    runTimeoutMs: chance.flip(0.7) ? undefined : chance.pick([0, 0.5, 1, 30, 300, 3000]),
    idempotent: chance.pick([undefined, true, false]),
    maxAttempts: chance.flip(0.5) ? undefined : chance.pick([1, 2, 3, 10]),
  };
  const metadata = new Metadata();
  const trace = chance.flip(0.2) ? "00-abcdef" : "";
  if (trace !== "") metadata.set(FORWARDED, trace);
  metadata.set("cookie", "never forwarded");
  const metadataBytes = trace === "" ? 0 : FORWARDED.length + trace.length;
  return { ...wish, metadata, metadataBytes, encoded: encode(call, wish, chance.flip(0.9)) };
}

/** A request that any idle worker answers at once. */
export function makeProbe(call: number, method: string): Wish {
  const wish = {
    client: 0,
    method,
    payload: encodePayload({ call, seed: 0 }),
    decodes: true,
    flaw: undefined,
    timeoutMs: 60_000,
    queueTimeoutMs: undefined,
    runTimeoutMs: undefined,
    idempotent: undefined,
    maxAttempts: undefined,
  };
  return { ...wish, metadata: new Metadata(), metadataBytes: 0, encoded: encode(call, wish, true) };
}

function makeFlaw(chance: Chance): Flaw | undefined {
  if (!chance.flip(0.02)) return undefined;
  return chance.pick(["MALFORMED", "BAD_OPTION"]);
}

function makeInput(call: number, chance: Chance, maxPayloadBytes: number): unknown {
  const input: Input = { call, seed: chance.int(1, 2 ** 31) };
  if (chance.flip(0.7)) return input;
  const room = maxPayloadBytes - 60;
  const size = chance.pick([100, room >> 3, room >> 2, room, maxPayloadBytes + 1]);
  return { ...input, pad: "x".repeat(Math.max(0, size)) };
}

function encode(
  call: number,
  wish: Omit<Wish, "metadata" | "metadataBytes" | "encoded">,
  isNamed: boolean,
): Buffer {
  if (wish.flaw === "MALFORMED") return Buffer.from([0xff, 0xff]);
  const { queueTimeoutMs, runTimeoutMs, idempotent } = wish;
  const maxAttempts = wish.flaw === "BAD_OPTION" ? 11 : wish.maxAttempts;
  const fields = create(RequestRequestSchema, {
    method: wish.method,
    options: {
      requestId: isNamed ? `c${call}` : "",
      ...(idempotent !== undefined && { idempotent }),
      ...(maxAttempts !== undefined && { maxAttempts }),
      ...(queueTimeoutMs !== undefined && { queueTimeout: toDuration(queueTimeoutMs) }),
      ...(runTimeoutMs !== undefined && { runTimeout: toDuration(runTimeoutMs) }),
    },
  });
  // A request holds the fields of its payload inline: both may stand one after the other.
  return Buffer.concat([wish.payload, toBinary(RequestRequestSchema, fields)]);
}
