import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeptBytes } from "../../src/base/bytes.js";
import {
  type HubItemSchema,
  MultiplexRequestSchema,
  MultiplexResponseSchema,
  type WorkerEventSchema,
  WorkRequestSchema,
  WorkResponseSchema,
} from "../../src/wire/index.js";
import {
  type ClientItem,
  type ClientItemInit,
  decodeClientItems,
  decodeHubItems,
  encodeClientItems,
  encodeHubItems,
  type HubItemInit,
} from "../../src/wire/messages/multiplex.js";
import {
  decodeWorkRequest,
  decodeWorkResponse,
  encodeHubEvents,
  encodeWorkerEvents,
  type HubEventInit,
  type WorkerEventInit,
} from "../../src/wire/messages/work.js";
import { bytes } from "../support/arbitrary-message.js";
import { bytesOf } from "../support/bytes.js";
import { expectSame } from "../support/expect-same.js";
import { job } from "../support/job.js";

// What a stream writes, protobuf-es must read, and vice versa.

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = fc.string({ unit: "binary" }).map((one) => one.toWellFormed());
const metadata = fc.array(fc.record({ key: text, value: bytes }), { maxLength: 3 });

const hubEvent: fc.Arbitrary<HubEventInit> = fc.oneof(
  fc.record({
    case: fc.constant("job" as const),
    value: fc.record(
      {
        jobId: uint32,
        method: text,
        payload: bytes,
        attempt: uint32,
        metadata,
        requestId: text,
        timeoutMs: uint32,
      },
      { requiredKeys: ["jobId", "method", "payload", "attempt", "metadata", "requestId"] },
    ),
  }),
  fc.record({
    case: fc.constant("cancel" as const),
    value: fc.record({ jobId: uint32, reason: text }),
  }),
);

const workerEvent: fc.Arbitrary<WorkerEventInit> = fc.oneof(
  fc.record({ case: fc.constant("ready" as const), value: fc.record({ slots: uint32 }) }),
  fc.record({
    case: fc.constant("result" as const),
    value: fc.record({
      jobId: uint32,
      outcome: fc.oneof(
        fc.record({ case: fc.constant("payload" as const), value: bytes }),
        fc.record({ case: fc.constant("failure" as const), value: fc.record({ message: text }) }),
      ),
    }),
  }),
);

const clientItem: fc.Arbitrary<ClientItemInit> = fc.record({
  id: uint32,
  item: fc.oneof(
    fc.record({
      case: fc.constant("call" as const),
      value: fc.record({
        payload: bytes,
        method: text,
        timeoutMs: fc.option(uint32, { nil: undefined }),
        metadata,
      }),
    }),
    fc.constant({ case: "cancel" as const, value: {} }),
  ),
});

const hubItem: fc.Arbitrary<HubItemInit> = fc.record({
  id: uint32,
  item: fc.oneof(
    fc.record({
      case: fc.constant("response" as const),
      value: fc.record({
        payload: bytes,
        requestId: text,
        workerId: text,
        attempts: uint32,
        queueTimeMs: fc.double({ noNaN: true }),
        runTimeMs: fc.double({ noNaN: true }),
      }),
    }),
    fc.record({
      case: fc.constant("status" as const),
      value: fc.record({ code: fc.integer({ min: 1, max: 16 }), message: text }),
    }),
  ),
});

describe("events", () => {
  it("of the hub are read by protobuf-es, and read as it reads them", () => {
    fc.assert(
      fc.property(fc.array(hubEvent, { minLength: 1, maxLength: 5 }), (events) => {
        const expected = create(WorkResponseSchema, { events: events.map((event) => ({ event })) });
        const read = encodeHubEvents(events, 10_000_000).map(plain);
        const both = read.flatMap((one) => fromBinary(WorkResponseSchema, one).events);
        expectSame(both, expected.events);
        expectSame(
          decodeWorkResponse(toBinary(WorkResponseSchema, expected)).map(bare),
          expected.events.map(bare),
        );
      }),
    );
  });

  it("are the same for payloads kept as strings", () => {
    fc.assert(
      fc.property(fc.array(hubEvent, { minLength: 1, maxLength: 5 }), (events) => {
        const kept = events.map((event): HubEventInit<KeptBytes> => {
          if (event.case !== "job") return event;
          const payload = Buffer.from(event.value.payload).toString("latin1");
          return { case: "job", value: { ...event.value, payload } };
        });
        expectSame(encodeHubEvents(kept), encodeHubEvents(events));
      }),
    );
  });

  it("of workers can be read by protobuf-es, and are read as it reads them", () => {
    fc.assert(
      fc.property(fc.array(workerEvent, { minLength: 1, maxLength: 5 }), (given) => {
        const events = given.map(
          (event): MessageInitShape<typeof WorkerEventSchema> => ({ event }),
        );
        const expected = create(WorkRequestSchema, { events });
        const read = encodeWorkerEvents(given).map(plain);
        expectSame(
          read.flatMap((one) => fromBinary(WorkRequestSchema, one).events),
          expected.events,
        );
        expectSame(
          decodeWorkRequest(toBinary(WorkRequestSchema, expected)).map(bare),
          expected.events.map(bare),
        );
      }),
    );
  });
});

describe("items", () => {
  it("of clients are read by protobuf-es, and read as it reads them", () => {
    fc.assert(
      fc.property(fc.array(clientItem, { minLength: 1, maxLength: 5 }), (items) => {
        const expected = create(MultiplexRequestSchema, { items: items as object[] });
        const read = encodeClientItems(items).map(plain);
        expectSame(
          read.flatMap((one) => fromBinary(MultiplexRequestSchema, one).items),
          expected.items,
        );
        const decoded = decodeClientItems(toBinary(MultiplexRequestSchema, expected));
        expectSame(decoded.map(inBytes).map(bare), expected.items.map(bare));
      }),
    );
  });

  it("of the hub can be read by protobuf-es, and are read as it reads them", () => {
    fc.assert(
      fc.property(fc.array(hubItem, { minLength: 1, maxLength: 5 }), (given) => {
        const items = given as MessageInitShape<typeof HubItemSchema>[];
        const expected = create(MultiplexResponseSchema, { items });
        const read = encodeHubItems(given).map(plain);
        expectSame(
          read.flatMap((one) => fromBinary(MultiplexResponseSchema, one).items),
          expected.items,
        );
        expectSame(
          decodeHubItems(toBinary(MultiplexResponseSchema, expected)).map(bare),
          expected.items.map(bare),
        );
      }),
    );
  });
});

it.each([120, 127, 128, 16_380, 16_384, 2_097_152])(
  "lengths of any size are written correctly: %i bytes",
  (length) => {
    const value = Buffer.alloc(length, 7);
    const jobs = [job({ payload: value })];
    const results = [
      { case: "result", value: { jobId: 1, outcome: { case: "payload", value } } } as const,
    ];
    const [event] = encodeHubEvents(jobs).flatMap(
      (one) => fromBinary(WorkResponseSchema, one).events,
    );
    const [result] = encodeWorkerEvents(results).flatMap(
      (one) => fromBinary(WorkRequestSchema, one).events,
    );
    const payload = event?.event.case === "job" ? event.event.value.payload : undefined;
    const { outcome } =
      result?.event.case === "result" ? result.event.value : { outcome: undefined };
    expect(value.equals(payload ?? Buffer.alloc(0))).toBe(true);
    expect(outcome?.case === "payload" && value.equals(outcome.value)).toBe(true);
  },
);

it("skips what a later version adds, and refuses truncated messages and invalid UTF-8", () => {
  const unknown = Buffer.from("f2011000000000000000000000000000000000", "hex");
  expect(decodeHubItems(unknown)).toEqual([]);
  expect(() => decodeHubItems(unknown.subarray(0, 10))).toThrow();
  const job = Buffer.from("0a0612041202c328", "hex");
  expect(() => decodeWorkResponse(job)).toThrow();
});

/** Returns a plain copy of a Buffer, because protobuf-es returns bytes from a Buffer as Buffers. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer);
}

/** An item with its payload as bytes, in whatever form it is kept. */
function inBytes({ id, item }: ClientItem): unknown {
  if (item.case !== "call") return { id, item };
  const payload = new Uint8Array(bytesOf(item.value.payload));
  return { id, item: { ...item, value: { ...item.value, payload } } };
}

/** Drops what only protobuf-es messages have. */
function bare(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(bare);
  const entries = Object.entries(value).filter(
    ([key, one]) => !key.startsWith("$") && one !== undefined,
  );
  return Object.fromEntries(entries.map(([key, one]) => [key, bare(one)]));
}
