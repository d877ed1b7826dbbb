import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { interleave } from "./benchmark.js";
import { type PairedQuestion, pairedQuestions } from "./paired-questions.js";
import { Programs } from "./program.js";
import { median, pairedRatios, percentile } from "./stats.js";

const help = `Usage: npm run bench:pairs -- --before DIR [options]

Measures this checkout against an older one, in turn, and the older one against itself:
what a change costs, and how much of it is chance. Both must be built.

  --before DIR   the other checkout; in it: npm ci && npm run build && npx tsc -p bench
  --starts N     how often all processes are restarted (default 3)
  --rounds N     how often each is measured after a start (default 5)
  --only B2,B9   only these questions: ${pairedQuestions.map(({ id }) => id).join(", ")}
  --quick        check that it works: short loads with meaningless figures
  --help         this text

A ratio is a time of this checkout divided by the older one's in the same round: above 1
is slower. "Itself" is the same ratio of two sets of processes of the older checkout.`;

/** The builds measured in each round: two builds, and a second instance of the first. */
const builds = ["before", "after", "again"] as const;

type Times = Record<(typeof builds)[number], number[]>;

const { values } = parseArgs({
  options: {
    before: { type: "string" },
    starts: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
if (values.help) console.log(help);
else if (values.before === undefined) {
  console.error(`--before DIR is missing\n\n${help}`);
  process.exitCode = 2;
} else await measureAll(resolve(values.before), values.only?.toUpperCase().split(","));

async function measureAll(before: string, only: readonly string[] | undefined): Promise<void> {
  console.log("| | unit | before | after | after / before | before / itself |");
  console.log("|---|---|---|---|---|---|");
  for (const question of pairedQuestions) {
    if (only !== undefined && !only.includes(question.id)) continue;
    console.log(toRow(question, await measure(question, before)));
  }
}

async function measure(question: PairedQuestion, before: string): Promise<Times> {
  const times: Times = { before: [], after: [], again: [] };
  const context = { runs: Number(values.rounds), progress: (line: string) => console.error(line) };
  for (let start = 1; start <= Number(values.starts); start += 1) {
    const programs = {
      before: new Programs(before),
      after: new Programs(),
      again: new Programs(before),
    };
    const all = Object.values(programs);
    const killAll = (): void => all.forEach((some) => void some.killAll());
    process.once("exit", killAll);
    try {
      const systems = {
        before: await question.start(programs.before, values.quick),
        after: await question.start(programs.after, values.quick),
        again: await question.start(programs.again, values.quick),
      };
      const title = `${question.id}, start ${start}`;
      const measured = await interleave(context, title, systems, (system) => system());
      for (const build of builds) times[build].push(...(measured[build] ?? []));
    } finally {
      for (const some of all) await some.stopAll();
      process.off("exit", killAll);
    }
  }
  return times;
}

function toRow({ id, what, unit }: PairedQuestion, { before, after, again }: Times): string {
  const figure = (of: readonly number[]): string => median(of).toPrecision(4);
  const change = spread(pairedRatios(after, before));
  const chance = spread(pairedRatios(again, before));
  return `| ${id}: ${what} | ${unit} | ${figure(before)} | ${figure(after)} | ${change} | ${chance} |`;
}

/** The median, and the interquartile range. */
function spread(ratios: readonly number[]): string {
  const [low, middle, high] = [percentile(ratios, 0.25), median(ratios), percentile(ratios, 0.75)];
  return `${middle.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}
