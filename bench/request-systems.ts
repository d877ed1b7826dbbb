import { type Context, interleave } from "./benchmark.js";
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

/** The clients of all systems that B2 and B3 compare. */
export type RequestSystems = {
  /** Our client with its defaults. */
  gibbs: Program;
  /** Our client with one unary call per request. */
  unary: Program;
  nats: Program | undefined;
  original: Program | undefined;
  /** A grpc-js client and one grpc-js server, with nothing in between. */
  direct: Program;
};

/** How long each of them runs first, so that its code is optimized. */
const WARM_UP_MS = 6000;

/**
 * Starts all of them, each with two worker processes that return immediately (`direct` has one),
 * and warms them up.
 */
export async function startRequestSystems(
  context: Context,
  title: string,
): Promise<RequestSystems> {
  const { programs, peers } = context;
  // A separate hub for each transport, just as each peer has its own broker.
  const hub = await startGibbs(programs, twoWorkers);
  const unaryHub = await startGibbs(programs, twoWorkers);
  const nats = peers.nats && (await startNats(programs, peers.nats, twoWorkers));
  const layout = { handler: "echo", processes: 2 } as const;
  const original = peers.original && (await startOriginal(programs, peers.original, layout));
  const servers = await startGrpcServers(programs, { ...twoWorkers, processes: 1 });
  const systems = {
    gibbs: await startClient(programs, hub),
    unary: await startClient(programs, unaryHub, { transport: "unary" }),
    nats: nats?.client,
    original: original?.client,
    direct: await startGrpcClient(programs, servers),
  };
  const load = { callers: 64, durationMs: context.quick ? 500 : WARM_UP_MS };
  const once = { ...context, runs: 1 };
  await interleave(once, `${title}, warm-up`, systems, (client) => client.ask("throughput", load));
  return systems;
}
