import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { definition, HubService, type Payload, type RequestRequest } from "gibbs/proto";
import { channelOptions } from "#dist/wire/grpc/channel-options.js";
import { type Handler, type HandlerName, handlers } from "./handlers.js";
import { fromKind, toKind } from "./kind.js";
import { optionsOf, serve } from "./serve.js";

interface Options {
  handler: HandlerName;
  /** Servers in this process, each on its own port. */
  servers: number;
  /** Whether a server runs one job at a time; other jobs wait inside it. */
  serial: boolean;
  maxPayloadBytes: number;
}

const { handler, servers: count, serial, maxPayloadBytes } = optionsOf<Options>();
const servers = Array.from({ length: count }, () => createServer(handlers[handler]));
const ports = await Promise.all(servers.map(listen));

serve({ addresses: ports.map((port) => `127.0.0.1:${port}`) }, {}, () => {
  for (const server of servers) server.forceShutdown();
});

function createServer(handle: Handler): Server {
  const server = new Server(channelOptions(maxPayloadBytes));
  let before: Promise<unknown> = Promise.resolve();
  const request = (
    { request }: ServerUnaryCall<RequestRequest, unknown>,
    answer: sendUnaryData<{ kind: Payload["kind"] }>,
  ): void => {
    const run = async (): Promise<void> => {
      answer(null, { kind: toKind(await handle(fromKind(request.kind))) });
    };
    before = serial ? before.then(run) : run();
  };
  server.addService(definition(HubService), { request });
  return server;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
