import { parseArgs } from "node:util";
import { systemClock } from "../../src/base/clock.js";
import { Coverage } from "./coverage.js";
import { keepOnly, makePlan, type Plan } from "./plan.js";
import { shrink } from "./shrink.js";
import { type Report, simulate } from "./simulation.js";

const HELP = `Runs the hub, its workers and its clients in a simulated world, once per seed.

npm run sim -- [options]

  --seeds N       number of seeds (default 200)
  --from S        the first seed (default 1)
  --keep A,B,...  keep only these actions of the seed's plan, as a failing run lists them
  --may-miss      do not require everything in the coverage table to be seen
  --history       print what happened, line by line
  --no-shrink     stop at the first violation, without looking for a shorter history
  --help          show this text

Exits with 1 if a promise is broken, or if 1000 or more seeds leave something unseen
without --may-miss.`;

/** A run of at least this many seeds must leave nothing unseen. */
const SEEDS_THAT_SEE_ALL = 1000;
const LAST_LINES = 40;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    keep: { type: "string" },
    "may-miss": { type: "boolean", default: false },
    history: { type: "boolean", default: false },
    "no-shrink": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const [seeds, from] = [toCount("seeds", values.seeds), toCount("from", values.from)];
  const keep = values.keep?.split(",").map(Number);
  const coverage = new Coverage();
  const startedAt = systemClock.now();
  const total = { steps: 0, virtualMs: 0 };
  const broken: number[] = [];
  for (let seed = from; seed < from + seeds; seed += 1) {
    showProgress(seed - from, seeds, startedAt);
    const plan = keepOnly(makePlan(seed), keep);
    const report = await simulate(plan, coverage.count, values.history);
    total.steps += report.steps;
    total.virtualMs += report.virtualMs;
    if (values.history) console.log(report.history.join("\n"));
    if (report.violation === undefined) continue;
    broken.push(seed);
    await explain(plan, report);
    if (values["no-shrink"]) break;
  }
  const wallMs = systemClock.now() - startedAt;
  const hours = (total.virtualMs / 3_600_000).toFixed(1);
  console.log(`${coverage}\n`);
  console.log(`seeds ${from} to ${from + seeds - 1}: ${total.steps} steps, ${hours} virtual hours`);
  console.log(`${(wallMs / 1000).toFixed(1)} s, ${((seeds * 1000) / wallMs).toFixed(0)} seeds/s`);
  console.log(`${broken.length} violations${broken.length > 0 ? `: ${broken.join(", ")}` : ""}`);
  const mustSeeAll = seeds >= SEEDS_THAT_SEE_ALL && !values["may-miss"];
  const isBlind = mustSeeAll && coverage.missing.length > 0;
  if (coverage.missing.length > 0) console.log(`never seen: ${coverage.missing.join("; ")}`);
  return broken.length > 0 || isBlind ? 1 : 0;
}

/** Prints the shortest history that breaks the same promise, and how to reproduce it. */
async function explain(plan: Plan, report: Report): Promise<void> {
  const { check = "", what } = report.violation ?? {};
  console.log(`\nseed ${plan.seed} broke "${check}": ${what}`);
  if (values["no-shrink"]) return;
  const shortest = await shrink(plan, check);
  const { actions } = shortest.plan;
  console.log(`${actions.length} of ${plan.actions.length} actions are enough to break it:`);
  for (const { index, at, kind } of actions) console.log(`  #${index} at ${at} ms: ${kind}`);
  console.log(`its last events, after ${shortest.report.steps} steps:`);
  for (const line of shortest.report.history.slice(-LAST_LINES)) console.log(`  ${line}`);
  const keep = actions.map(({ index }) => index).join(",");
  console.log(`reproduce: npm run sim -- --from ${plan.seed} --seeds 1 --keep ${keep} --history\n`);
}

function showProgress(done: number, of: number, startedAt: number): void {
  if (!process.stderr.isTTY || done % 50 !== 0) return;
  const seconds = Math.round((systemClock.now() - startedAt) / 1000);
  process.stderr.write(`\r${done} of ${of} seeds, ${seconds} s `);
}

function toCount(name: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`--${name} is "${text}", not a whole number above 0`);
}
