import { create, toBinary } from "@bufbuild/protobuf";
import type { RequestOptions } from "../../../src/base/options/common-options.js";
import { RequestRequestSchema } from "../../../src/gen/gibbs/v1/hub_pb.js";
import { toDuration } from "../../../src/wire/messages/duration.js";
import { encodePayload } from "../../../src/wire/payload/payload.js";
import type { Chance } from "../machine/chance.js";
import { Asked } from "../oracle/asked.js";

/** The methods served by workers. */
export const METHODS = ["", "a", "b"] as const;

/** Number of clients. */
export const CLIENTS = 3;

/** Metadata that the hub forwards. */
export const FORWARDED = "traceparent";

/** What is wrong with a request before it reaches the core, if anything. */
export type Flaw = "MALFORMED" | "BAD_OPTION" | "TOO_MANY_CALLS";

/** A request as its hub reads it. Times in milliseconds, undefined if unset. */
export interface Wish {
  /** If empty, the hub generates one. */
  requestId: string;
  method: string;
  /** The encoded payload, whose size counts toward the hub's limits. */
  payload: Uint8Array;
  /** Size of the metadata that counts toward the hub's limits, in bytes. */
  metadataBytes: number;
  flaw: Flaw | undefined;
  timeoutMs: number | undefined;
  queueTimeoutMs: number | undefined;
  runTimeoutMs: number | undefined;
  idempotent: boolean | undefined;
  maxAttempts: number | undefined;
}

/** A unary request as its client sends it. */
export interface UnaryWish extends Wish {
  /** Index of the client that sends it. */
  client: number;
  metadata: ReadonlyMap<string, Uint8Array>;
  encoded: Buffer;
}

/**
 * A handler's input: identifies its call and, through a seed, determines how the handler behaves.
 */
export interface Input {
  call: number;
  seed: number;
  /** Padding for large inputs. */
  pad?: string;
}

/** A payload that is not a JSON value: a string of invalid UTF-8. */
const UNDECODABLE = new Uint8Array([0x0a, 0x03, 0x1a, 0x01, 0xff]);

/** Draws a request. `maxPayloadBytes` is the hub's limit. */
export function makeWish(call: number, chance: Chance, maxPayloadBytes: number): UnaryWish {
  const decodes = !chance.flip(0.03);
  const wish = {
    client: chance.int(0, CLIENTS - 1),
    method: chance.flip(0.04) ? "misspelt" : chance.pick(METHODS),
    payload: decodes ? encodePayload(makeInput(call, chance, maxPayloadBytes)) : UNDECODABLE,
    flaw: makeFlaw(chance),
    timeoutMs: chance.flip(0.5)
      ? chance.pick([undefined, 60_000, 10_000])
      : chance.pick([-1, 0, 1, 2, 20, 100, 500, 2000, 5000]),
    queueTimeoutMs: chance.flip(0.6) ? undefined : chance.pick([0, 1, 30, 300, 3000]),
    runTimeoutMs: chance.flip(0.7) ? undefined : chance.pick([0, 0.5, 1, 30, 300, 3000]),
    idempotent: chance.pick([undefined, true, false]),
    maxAttempts: chance.flip(0.5) ? undefined : chance.pick([1, 2, 3, 10]),
  };
  const metadata = new Map<string, Uint8Array>();
  const trace = chance.flip(0.2) ? "00-abcdef" : "";
  if (trace !== "") metadata.set(FORWARDED, Buffer.from(trace));
  metadata.set("cookie", Buffer.from("never forwarded"));
  const metadataBytes = trace === "" ? 0 : FORWARDED.length + trace.length;
  const requestId = chance.flip(0.9) ? `c${call}` : "";
  const named = { ...wish, requestId };
  return { ...named, metadata, metadataBytes, encoded: encode(named) };
}

/** A request that any idle worker answers at once. */
export function makeProbe(call: number, method: string): UnaryWish {
  const wish = {
    client: 0,
    requestId: `c${call}`,
    method,
    payload: encodePayload({ call, seed: 0 }),
    flaw: undefined,
    timeoutMs: 60_000,
    queueTimeoutMs: undefined,
    runTimeoutMs: undefined,
    idempotent: undefined,
    maxAttempts: undefined,
  };
  return { ...wish, metadata: new Map(), metadataBytes: 0, encoded: encode(wish) };
}

/** Draws a request to be made through a client at `now`. */
export function makeAsked(
  number: number,
  now: number,
  chance: Chance,
  maxPayloadBytes: number,
): Asked {
  const given = <T>(name: string, value: T | undefined) =>
    value === undefined ? {} : { [name]: value };
  const idempotent = chance.pick([undefined, true, true, false]);
  const isNamed = idempotent !== true && chance.flip(0.2);
  const options: RequestOptions = {
    method: chance.flip(0.04) ? "misspelt" : chance.pick(METHODS),
    ...given("idempotent", idempotent),
    ...given("queueTimeoutMs", chance.flip(0.7) ? undefined : chance.pick([0, 30, 300, 3000])),
    ...given("runTimeoutMs", chance.flip(0.8) ? undefined : chance.pick([1, 30, 300, 3000])),
    ...given("maxAttempts", chance.flip(0.5) ? undefined : chance.pick([1, 2, 3, 10])),
    ...given("requestId", isNamed ? `q${number}` : undefined),
    ...given("metadata", chance.flip(0.2) ? { [FORWARDED]: "00-abcdef", cookie: "x" } : undefined),
  };
  const timeoutMs = chance.flip(0.5)
    ? chance.pick([60_000, 30_000, 10_000])
    : chance.pick([0, 1, 20, 100, 500, 2000, 5000]);
  return new Asked(
    number,
    makeInput(number, chance, maxPayloadBytes),
    options,
    now,
    now + timeoutMs,
  );
}

/** A request through a client that any idle worker answers at once. */
export function makeAskedProbe(number: number, now: number): Asked {
  return new Asked(number, { call: number, seed: 0 }, {}, now, now + 60_000);
}

function makeFlaw(chance: Chance): Flaw | undefined {
  if (!chance.flip(0.02)) return undefined;
  return chance.pick(["MALFORMED", "BAD_OPTION"]);
}

/** Draws a handler's input; some are large, or too large. */
function makeInput(call: number, chance: Chance, maxPayloadBytes: number): Input {
  const input: Input = { call, seed: chance.int(1, 2 ** 31) };
  if (chance.flip(0.7)) return input;
  const room = maxPayloadBytes - 60;
  const size = chance.pick([100, room >> 3, room >> 2, room, maxPayloadBytes + 1]);
  return { ...input, pad: "x".repeat(Math.max(0, size)) };
}

function encode(wish: Omit<Wish, "metadataBytes">): Buffer {
  if (wish.flaw === "MALFORMED") return Buffer.from([0xff, 0xff]);
  const { queueTimeoutMs, runTimeoutMs, idempotent } = wish;
  const maxAttempts = wish.flaw === "BAD_OPTION" ? 11 : wish.maxAttempts;
  const fields = create(RequestRequestSchema, {
    method: wish.method,
    options: {
      requestId: wish.requestId,
      ...(idempotent !== undefined && { idempotent }),
      ...(maxAttempts !== undefined && { maxAttempts }),
      ...(queueTimeoutMs !== undefined && { queueTimeout: toDuration(queueTimeoutMs) }),
      ...(runTimeoutMs !== undefined && { runTimeout: toDuration(runTimeoutMs) }),
    },
  });
  // A request has the fields of its payload inline, so the two may simply be concatenated.
  return Buffer.concat([wish.payload, toBinary(RequestRequestSchema, fields)]);
}
