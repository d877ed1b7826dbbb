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
  const serviceConfig = setting("SOAK_SERVICE_CONFIG");
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
      const done = (error: Error | null, response?: RequestResponse): void => {
        if (response?.kind.case === "value") {
          resolve(toJson(ValueSchema, response.kind.value) as unknown as JobAnswer);
        } else reject(error ?? new Error(`the answer is ${response?.kind.case}`));
      };
      stub["request"]?.(request, metadata, { deadline }, done);
    });
}
