import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import type { GibbsError } from "../../src/base/errors/error.js";
import { DETAILS_KEY, fromStatus } from "../../src/wire/grpc/status.js";
import { type RequestOptionsSchema, RequestRequestSchema } from "../../src/wire/index.js";
import { encodePayload } from "../../src/wire/payload/payload.js";

/** Calls `HubService.Request` with raw bytes; returns how it failed. */
export function callRaw(address: string, bytes: Buffer): Promise<GibbsError> {
  const client = new Client(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const pass = (raw: Buffer): Buffer => raw;
  return new Promise((resolve, reject) => {
    const path = "/gibbs.v1.HubService/Request";
    const answered = (error: ServiceError | null): void => {
      if (error === null) return reject(new Error("the call did not fail"));
      resolve(fromStatus(error.code, error.details, error.metadata.get(DETAILS_KEY)[0]));
    };
    client.makeUnaryRequest(path, pass, pass, bytes, new Metadata(), answered);
  });
}

/** An encoded `RequestRequest`. */
export function encodeRequest(
  input: unknown,
  method = "",
  options: MessageInitShape<typeof RequestOptionsSchema> = {},
): Buffer {
  const rest = create(RequestRequestSchema, { method, options });
  // A request has the fields of its payload inline.
  return Buffer.concat([encodePayload(input), toBinary(RequestRequestSchema, rest)]);
}
