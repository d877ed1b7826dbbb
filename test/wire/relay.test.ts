import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  type Payload,
  PayloadSchema,
  RequestRequestSchema,
  RequestResponseSchema,
} from "../../src/wire/index.js";
import {
  readRequest,
  readResponse,
  writeRequest,
  writeResponse,
} from "../../src/wire/messages/request.js";
import { toRequestOptions } from "../../src/wire/messages/request-options.js";
import { encodePayload } from "../../src/wire/payload/payload.js";
import { data } from "../support/data.js";

/** The kind of a payload as protobuf-es reads it. */
function kindOf(value: unknown): Payload["kind"] {
  return fromBinary(PayloadSchema, new Uint8Array(encodePayload(value))).kind;
}

it("reads on the wire what a client wrote, without decoding the input", () => {
  fc.assert(
    fc.property(
      data,
      fc.string(),
      fc.string(),
      fc.boolean(),
      (value, method, contentType, idempotent) => {
        const kind = kindOf(value);
        const options = { idempotent };
        const request = create(RequestRequestSchema, { kind, method, contentType, options });
        const relayed = readRequest(toBinary(RequestRequestSchema, request));
        expect(relayed.method).toBe(method);
        expect(relayed.options?.idempotent).toBe(idempotent);
        const payload = fromBinary(PayloadSchema, new Uint8Array(relayed.payload));
        expect(payload).toEqual(create(PayloadSchema, { kind, contentType }));
      },
    ),
  );
});

it("extracts a payload's fields even with others between them", () => {
  const parts = [
    create(RequestRequestSchema, { contentType: "text/plain" }),
    create(RequestRequestSchema, { method: "m" }),
    create(RequestRequestSchema, { kind: { case: "data", value: new Uint8Array([1, 2]) } }),
  ].map((part) => toBinary(RequestRequestSchema, part));
  const { method, payload } = readRequest(Buffer.concat(parts));
  expect(method).toBe("m");
  expect(fromBinary(PayloadSchema, new Uint8Array(payload))).toMatchObject({
    contentType: "text/plain",
    kind: { case: "data", value: new Uint8Array([1, 2]) },
  });
});

it("writes a request that protobuf-es can read", () => {
  fc.assert(
    fc.property(data, fc.string(), (value, method) => {
      const options = toRequestOptions({ requestId: "r", runTimeoutMs: 1500 });
      const written = new Uint8Array(writeRequest(encodePayload(value), method, options));
      expect(fromBinary(RequestRequestSchema, written)).toEqual(
        create(RequestRequestSchema, {
          kind: kindOf(value),
          method,
          options: { requestId: "r", runTimeout: { seconds: 1n, nanos: 500_000_000 } },
        }),
      );
    }),
  );
});

it("writes on the wire what a client reads, without decoding the answer, and reads it back", () => {
  fc.assert(
    fc.property(data, fc.string(), (value, contentType) => {
      const kind = kindOf(value);
      const payload = toBinary(PayloadSchema, create(PayloadSchema, { kind, contentType }));
      const times = { queueTimeMs: 1.5, runTimeMs: 61_000.25 };
      const info = { requestId: "r", workerId: "w", attempts: 2, ...times };
      const written = new Uint8Array(writeResponse(payload, info));
      expect(fromBinary(RequestResponseSchema, written)).toEqual(
        create(RequestResponseSchema, {
          kind,
          contentType,
          info: {
            requestId: "r",
            workerId: "w",
            attempts: 2,
            queueTime: { seconds: 0n, nanos: 1_500_000 },
            runTime: { seconds: 61n, nanos: 250_000 },
          },
        }),
      );
      const read = readResponse(written);
      expect(read.info).toEqual(info);
      expect(Buffer.compare(read.payload, payload)).toBe(0);
    }),
  );
});

it("refuses an answer that is not a payload", () => {
  const info = { requestId: "", workerId: "", attempts: 0, queueTimeMs: 0, runTimeMs: 0 };
  expect(() => writeResponse(new Uint8Array([0x0a, 0x7f]), info)).toThrow();
});
