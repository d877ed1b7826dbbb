import { Client, credentials } from "@grpc/grpc-js";
import { definition, HubService, type RequestResponse } from "gibbs/proto";
import { channelOptions } from "#dist/wire/grpc/channel-options.js";
import { fromKind, toKind } from "./kind.js";
import { loads } from "./loads.js";
import { optionsOf, serve } from "./serve.js";

interface Options {
  /** The servers, called round-robin. */
  addresses: readonly string[];
  maxPayloadBytes: number;
}

const { addresses, maxPayloadBytes } = optionsOf<Options>();
const inTurn = { loadBalancingConfig: [{ round_robin: {} }] };
const client = new Client(`ipv4:${addresses.join(",")}`, credentials.createInsecure(), {
  ...channelOptions(maxPayloadBytes),
  "grpc.service_config": JSON.stringify(inTurn),
});
const { path, requestSerialize, responseDeserialize } = definition(HubService).request;

function request(input: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const message = { kind: toKind(input) };
    const answer = (error: Error | null, response?: RequestResponse): void => {
      if (response === undefined) reject(error);
      else resolve(fromKind(response.kind));
    };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, answer);
  });
}

serve({}, loads(request), () => client.close());
