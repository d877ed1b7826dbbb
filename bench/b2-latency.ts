import { type Benchmark, type Context, interleave, type Result } from "./benchmark.js";
import { NOT_INSTALLED } from "./peers.js";
import { type RequestSystems, startRequestSystems } from "./request-systems.js";
import { atMost, type Bounds, compared, type Row } from "./row.js";
import { percentile } from "./stats.js";

const titles = { gibbs: "SDK client", unary: "SDK client, unary" };

/** Latency of requests one at a time. */
export const latency: Benchmark = {
  id: "B2",
  question: "Latency one at a time, a handler that does nothing",
  long: false,
  run,
};

async function run(context: Context): Promise<Result> {
  const count = context.quick ? 200 : 2000;
  const systems = await startRequestSystems(context, "B2");
  const measured = await interleave(context, "B2", systems, (client) =>
    client.ask<number[]>("latency", { count }),
  );
  const row = (
    of: keyof typeof titles,
    peer: string,
    theirs: keyof RequestSystems,
    share: number,
    bounds?: Bounds,
  ): Row => {
    const at = (times: number[][]): number[] => times.map((round) => percentile(round, share));
    const measure = { benchmark: "B2", what: `${titles[of]}, p${share * 100}`, unit: "us" };
    const peerTimes = measured[theirs];
    const figures = peerTimes ? at(peerTimes) : NOT_INSTALLED;
    return compared(measure, at(measured[of] ?? []), peer, figures, bounds);
  };
  const details = Object.fromEntries(
    Object.entries(measured).map(([name, rounds = []]) => [name, rounds.map(summary)]),
  );
  return {
    rows: [
      row("gibbs", "NATS", "nats", 0.5, { floor: atMost(1), goal: atMost(0.75) }),
      row("gibbs", "NATS", "nats", 0.99),
      row("gibbs", "the original", "original", 0.5, { goal: atMost(1) }),
      row("gibbs", "the original", "original", 0.99),
      row("gibbs", "direct grpc-js", "direct", 0.5),
      row("unary", "direct grpc-js", "direct", 0.5, { floor: atMost(1.6), goal: atMost(1.4) }),
      row("unary", "direct grpc-js", "direct", 0.99),
    ],
    details,
  };
}

function summary(times: readonly number[]): { p50: number; p99: number } {
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}
