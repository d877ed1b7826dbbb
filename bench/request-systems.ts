import type { Context } from "./benchmark.js";
import type { Program } from "./program.js";
import {
  startClient,
  startGibbs,
  startGrpcClient,
  startGrpcServers,
  startNats,
  startOriginal,
  twoWorkers,
} from "./systems.js";

/** The clients of all that B2 and B3 compare. */
export type RequestSystems = {
  /** Our client as it is by itself. */
  gibbs: Program;
  /** Our client with one unary call for each request. */
  unary: Program;
  nats: Program | undefined;
  original: Program | undefined;
  /** A grpc-js client and one grpc-js server, with nothing in between. */
  direct: Program;
};

/** Starts them all, each with two worker processes that do nothing; `direct` has one. */
export async function startRequestSystems({ programs, peers }: Context): Promise<RequestSystems> {
  const hub = await startGibbs(programs, twoWorkers);
  const nats = peers.nats && (await startNats(programs, peers.nats, twoWorkers));
  const layout = { handler: "echo", processes: 2 } as const;
  const original = peers.original && (await startOriginal(programs, peers.original, layout));
  const servers = await startGrpcServers(programs, { ...twoWorkers, processes: 1 });
  return {
    gibbs: await startClient(programs, hub),
    unary: await startClient(programs, hub, { transport: "unary" }),
    nats: nats?.client,
    original: original?.client,
    direct: await startGrpcClient(programs, servers),
  };
}
