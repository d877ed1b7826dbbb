import { type Benchmark, type Context, interleave, type Result } from "./benchmark.js";
import type { PayloadLoad } from "./peers/loads.js";
import type { Usage } from "./peers/usage.js";
import type { Program } from "./program.js";
import { atMost, compared, type Row } from "./row.js";
import {
  startClient,
  startGrpcClient,
  startGrpcServers,
  startHub,
  startWorker,
  twoWorkers,
} from "./systems.js";

const KiB = 1024;
const MiB = 1024 * KiB;
/** More than the largest payload plus the overhead of a JSON value around its strings. */
const MAX_PAYLOAD_BYTES = 80 * MiB;

const sizes: readonly { bytes: number; count: number }[] = [
  { bytes: KiB, count: 3000 },
  { bytes: 16 * KiB, count: 2000 },
  { bytes: 256 * KiB, count: 200 },
  { bytes: 4 * MiB, count: 16 },
  { bytes: 64 * MiB, count: 2 },
];

/** The cost of relaying bytes. */
export const payloads: Benchmark = {
  id: "B6",
  question: "CPU time of the hub for each GB of payloads, beside a relay of bytes on grpc-js",
  long: true,
  run,
};

/** A client, and the process between it and its worker. */
interface Relayed {
  client: Program;
  between: Program;
}

async function run(context: Context): Promise<Result> {
  const contenders = { gibbs: await startOurs(context), relay: await startRelay(context) };
  const small: PayloadLoad = { kind: "data", bytes: KiB, count: context.quick ? 100 : 10_000 };
  await interleave({ ...context, runs: 1 }, "B6, warm-up", contenders, ({ client }) =>
    client.ask("payloads", small),
  );
  const rows: Row[] = [];
  const details: Record<string, unknown> = {};
  for (const kind of ["data", "value"] as const) {
    for (const { bytes, count } of sizes) {
      const load: PayloadLoad = {
        kind,
        bytes,
        count: context.quick ? Math.ceil(count / 10) : count,
      };
      const what = `${kind} of ${size(bytes)}`;
      const measure = (relayed: Relayed): Promise<number> => cpuPerGb(relayed, load);
      await interleave({ ...context, runs: 1 }, `B6, ${what}, warm-up`, contenders, measure);
      const measured = await interleave(context, `B6, ${what}`, contenders, measure);
      const { gibbs = [], relay = [] } = measured;
      const bounds = { floor: atMost(1.5), goal: atMost(1.2) };
      rows.push(
        compared({ benchmark: "B6", what, unit: "s/GB" }, gibbs, "grpc-js relay", relay, bounds),
      );
      details[what] = measured;
    }
  }
  return { rows, details };
}

/** CPU seconds that the process in between uses per GB, counting both directions. */
async function cpuPerGb({ client, between }: Relayed, load: PayloadLoad): Promise<number> {
  const before = await between.ask<Usage>("usage");
  const bytes = await client.ask<number>("payloads", load);
  const after = await between.ask<Usage>("usage");
  return (after.cpuUs - before.cpuUs) / 1e6 / (bytes / 1e9);
}

async function startOurs({ programs }: Context): Promise<Relayed> {
  const maxPayloadBytes = MAX_PAYLOAD_BYTES;
  const hub = await startHub(programs, {
    maxPayloadBytes,
    maxHeldBytes: 1024 * MiB,
    maxUnreadBytes: 1024 * MiB,
  });
  await startWorker(programs, hub, twoWorkers, { maxPayloadBytes });
  return { client: await startClient(programs, hub, { maxPayloadBytes }), between: hub.program };
}

async function startRelay({ programs }: Context): Promise<Relayed> {
  const maxPayloadBytes = MAX_PAYLOAD_BYTES;
  const one = { ...twoWorkers, processes: 1 };
  const [backend] = await startGrpcServers(programs, one, maxPayloadBytes);
  const options = { backend, maxPayloadBytes };
  const { program, ready } = await programs.node<{ address: string }>("grpc-relay", options);
  const client = await startGrpcClient(programs, [ready.address], maxPayloadBytes);
  return { client, between: program };
}

function size(bytes: number): string {
  return bytes < MiB ? `${bytes / KiB} KiB` : `${bytes / MiB} MiB`;
}
