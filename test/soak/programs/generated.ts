import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { credentials, Metadata, makeGenericClientConstructor } from "@grpc/grpc-js";
import {
  definition,
  HubService,
  RequestRequestSchema,
  type RequestResponse,
} from "../../../src/wire/index.js";
import type { Job, JobAnswer } from "../report.js";
import { setting } from "./program.js";

/**
 * Returns a function that calls the hub at `address` with a plain gRPC client, generated from the
 * .proto files, and what docs/reliability.md says to set.
 */
export function generated(address: string, timeoutMs: number): (job: Job) => Promise<JobAnswer> {
  const serviceConfig = setting("SERVICE_CONFIG");
  const HubStub = makeGenericClientConstructor(definition(HubService), HubService.typeName);
  const stub = new HubStub(address, credentials.createInsecure(), {
    "grpc.service_config": serviceConfig,
  });
  const metadata = new Metadata({ waitForReady: true });
  return (job) =>
    new Promise((resolve, reject) => {
      const kind = { case: "value" as const, value: fromJson(ValueSchema, { ...job }) };
      const request = create(RequestRequestSchema, { kind });
      const deadline = Date.now() + timeoutMs;
      const done = (error: Error | null, { kind }: RequestResponse): void => {
        if (error !== null) reject(error);
        else if (kind.case !== "value") reject(new Error(`the answer is ${kind.case}`));
        else resolve(toJson(ValueSchema, kind.value) as unknown as JobAnswer);
      };
      stub["request"]?.(request, metadata, { deadline }, done);
    });
}
