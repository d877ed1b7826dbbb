import { type Context, interleave } from "./benchmark.js";
import type { Program } from "./program.js";
import {
  type GibbsHub,
  startHub,
  startMosec,
  startNatsInPython,
  startOriginal,
  startPythonClient,
  startPythonWorkers,
  startWorker,
} from "./systems.js";

/** A client in Python, and everything behind it. */
export interface PythonSystem {
  client: Program;
  /** All processes whose CPU time counts, the client included. */
  processes: readonly Program[];
}

/** The systems that the Python benchmarks compare; undefined for one that is not installed. */
export type PythonSystems = {
  readonly [name in "gibbs" | "node" | "original" | "nats" | "mosec"]: PythonSystem | undefined;
};

/** Workers that return their input. */
interface Layout {
  processes: number;
  /**
   * Concurrent jobs per worker. Those of the original and of mosec have one; those of NATS take what
   * comes.
   */
  slots: number;
}

/** How long each of them runs first. */
const WARM_UP_MS = 2000;

/**
 * Starts our Python client with Python workers, and with TypeScript ones (`node`), and its peers,
 * all with workers of the same layout, and warms them up.
 *
 * @param withMosec whether mosec is among them.
 */
export async function startPythonSystems(
  context: Context,
  title: string,
  layout: Layout,
  withMosec = false,
): Promise<PythonSystems> {
  const { programs, peers } = context;
  const systems: PythonSystems = {
    gibbs: await startGibbsInPython(context, layout),
    node: await startGibbsInPython(context, layout, "node"),
    original: peers.original && (await startTheOriginal(context, layout.processes)),
    nats:
      peers.nats && peers.python
        ? toSystem(
            await startNatsInPython(
              programs,
              { nats: peers.nats, python: peers.python },
              layout.processes,
            ),
          )
        : undefined,
    mosec: withMosec ? await startMosecSystem(context, layout.processes) : undefined,
  };
  const load = { callers: 32, durationMs: context.quick ? 300 : WARM_UP_MS };
  const once = { ...context, runs: 1 };
  await interleave(once, `${title}, warm-up`, systems, ({ client }) =>
    client.ask("throughput", load),
  );
  return systems;
}

async function startGibbsInPython(
  { programs, peers: { python } }: Context,
  layout: Layout,
  workers?: "node",
): Promise<PythonSystem | undefined> {
  if (python === undefined) return undefined;
  const hub = await startHub(programs);
  const started =
    workers === "node"
      ? await startNodeWorkers({ programs }, hub, layout)
      : await startPythonWorkers(programs, python, hub, layout);
  const client = await startPythonClient(programs, python, hub);
  return { client, processes: [client, hub.program, ...started] };
}

async function startNodeWorkers(
  { programs }: Pick<Context, "programs">,
  hub: GibbsHub,
  { processes, slots }: Layout,
): Promise<Program[]> {
  const started: Program[] = [];
  for (let i = 0; i < processes; i += 1) {
    started.push(await startWorker(programs, hub, { handler: "echo", workers: 1, slots }));
  }
  return started;
}

async function startTheOriginal(
  { programs, peers: { original } }: Context,
  processes: number,
): Promise<PythonSystem | undefined> {
  if (original === undefined) return undefined;
  // Its workers are processes that only take requests.
  const { client } = await startOriginal(programs, original, { handler: "echo", processes });
  return { client, processes: [] };
}

async function startMosecSystem(
  { programs, peers: { mosec } }: Context,
  processes: number,
): Promise<PythonSystem | undefined> {
  if (mosec === undefined) return undefined;
  const { client, server } = await startMosec(programs, mosec, processes);
  return { client, processes: [client, server] };
}

function toSystem({ client, workers }: { client: Program; workers: Program[] }): PythonSystem {
  return { client, processes: [client, ...workers] };
}
