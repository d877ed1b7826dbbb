import { create } from "@bufbuild/protobuf";
import { credentials, Client as GrpcClient, makeGenericClientConstructor } from "@grpc/grpc-js";
import { createChannel, createClient } from "nice-grpc";
import { expect, it, onTestFinished } from "vitest";
import {
  definition,
  HubService,
  RequestRequestSchema,
  type RequestResponse,
} from "../../src/wire/index.js";
import { startHub, startWorker } from "../support/running.js";

it("works on its own through nice-grpc", async () => {
  const hub = await startHub();
  await startWorker(hub, (x: number) => x ** 2);
  const channel = createChannel(hub.address);
  onTestFinished(() => channel.close());
  const client = createClient(definition(HubService), channel);
  const { kind, info } = await client.request({
    kind: { case: "value", value: { kind: { case: "numberValue", value: 34 } } },
  });
  expect(kind).toMatchObject({ case: "value", value: { kind: { value: 1156 } } });
  expect(info).toMatchObject({ attempts: 1 });
});

it("works on its own through grpc-js", async () => {
  const hub = await startHub();
  await startWorker(hub, (x: Uint8Array) => x.toReversed());
  const Stub = makeGenericClientConstructor(definition(HubService), HubService.typeName);
  const client = new Stub(hub.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  expect(client).toBeInstanceOf(GrpcClient);
  const request = create(RequestRequestSchema, {
    kind: { case: "data", value: new Uint8Array([1, 2, 3]) },
  });
  const response = await new Promise<RequestResponse>((resolve, reject) => {
    client["request"]?.(request, (error: Error | null, answer: RequestResponse) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
  expect(response.kind).toEqual({ case: "data", value: new Uint8Array([3, 2, 1]) });
});
