import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  PayloadSchema,
  RequestRequestSchema,
  RequestResponseSchema,
} from "../../src/wire/index.js";
import { toKind } from "../../src/wire/payload.js";
import { readRequest, writeResponse } from "../../src/wire/relay.js";
import { data } from "../support/data.js";

it("reads on the wire what a client wrote, without decoding the input", () => {
  fc.assert(
    fc.property(
      data,
      fc.string(),
      fc.string(),
      fc.boolean(),
      (value, method, contentType, idempotent) => {
        const kind = toKind(value);
        const options = { idempotent };
        const request = create(RequestRequestSchema, { kind, method, contentType, options });
        const relayed = readRequest(toBinary(RequestRequestSchema, request));
        expect(relayed.method).toBe(method);
        expect(relayed.options?.idempotent).toBe(idempotent);
        const payload = fromBinary(PayloadSchema, relayed.payload);
        expect(payload).toEqual(create(PayloadSchema, { kind, contentType }));
      },
    ),
  );
});

it("writes on the wire what a client reads, without decoding the answer", () => {
  fc.assert(
    fc.property(data, fc.string(), (value, contentType) => {
      const kind = toKind(value);
      const payload = toBinary(PayloadSchema, create(PayloadSchema, { kind, contentType }));
      const info = { requestId: "r", attempts: 2 };
      const written = new Uint8Array(writeResponse(payload, info));
      const response = fromBinary(RequestResponseSchema, written);
      expect(response).toEqual(create(RequestResponseSchema, { kind, contentType, info }));
    }),
  );
});

it("refuses an answer that is no payload", () => {
  expect(() => writeResponse(new Uint8Array([0x0a, 0x7f]), {})).toThrow();
});
