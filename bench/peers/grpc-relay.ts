import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { HubService } from "gibbs/proto";
import { channelOptions } from "#dist/wire/grpc/channel-options.js";
import { rawService } from "#dist/wire/grpc/raw-service.js";
import { optionsOf, serve } from "./serve.js";
import { usage } from "./usage.js";

interface Options {
  /** The server that calls are forwarded to. */
  backend: string;
  maxPayloadBytes: number;
}

// The minimum that any relay between a client and a worker must do with grpc-js: receive a message
// and forward its bytes.
const { backend, maxPayloadBytes } = optionsOf<Options>();
const options = channelOptions(maxPayloadBytes);
const client = new Client(backend, credentials.createInsecure(), options);
const service = rawService(HubService);
const { path, requestSerialize, responseDeserialize } = service.request;

function request(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void {
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, call.request, answer);
}

const server = new Server(options);
server.addService(service, { request });
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
    if (error === null) resolve(bound);
    else reject(error);
  });
});

serve({ address: `127.0.0.1:${port}` }, { usage }, () => server.forceShutdown());
