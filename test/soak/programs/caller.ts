import { status } from "@grpc/grpc-js";
import { loadGibbs } from "../../chaos/gibbs.js";
import type { CallerReport, Job, JobAnswer } from "../report.js";
import { generated } from "./generated.js";
import { reportRegularly, setting, told } from "./program.js";

/** Calls the hub until stdin ends: caller.ts multiplex|unary|generated */

/** After this a call without an answer is a failed one, in milliseconds. */
const TIMEOUT_MS = 60_000;

type Call = (job: Job) => Promise<JobAnswer>;

const name = setting("SOAK_NAME");
const ms = Number(setting("SOAK_JOB_MS"));
const hub = process.env["GIBBS_HUB"] ?? "";
const report: CallerReport = { answered: 0, wrong: 0, errors: {}, by: {}, done: false };
let isOver = false;

const call = await caller(process.argv[2] ?? "multiplex");
const stopReporting = reportRegularly(() => report);
void told().then(() => {
  isOver = true;
});
await Promise.all(
  Array.from({ length: Number(setting("SOAK_CALLERS")) }, async (_, index) => {
    for (let count = 0; !isOver; count += 1) await ask(`${name}:${index}:${count}`);
  }),
);
stopReporting();
console.log(JSON.stringify({ ...report, done: true }));
process.exit();

async function ask(id: string): Promise<void> {
  try {
    const answer = await call({ id, ms });
    if (answer.id !== id) {
      report.wrong += 1;
      return;
    }
    report.answered += 1;
    report.by[answer.by] = (report.by[answer.by] ?? 0) + 1;
  } catch (error) {
    const { code, reason, message } = error as { code: unknown; reason?: string; message: string };
    const kind = `${typeof code === "number" ? status[code] : code} ${reason ?? ""}`.trim();
    report.errors[kind] = (report.errors[kind] ?? 0) + 1;
    console.error(id, kind, message);
  }
}

async function caller(kind: string): Promise<Call> {
  if (kind === "generated") return generated(hub, TIMEOUT_MS);
  const { Client } = await loadGibbs();
  const client = new Client(hub, { transport: kind as "multiplex" | "unary" });
  const idempotent = process.env["SOAK_IDEMPOTENT"] !== undefined;
  return (job) => client.request<JobAnswer>({ ...job }, { timeoutMs: TIMEOUT_MS, idempotent });
}
