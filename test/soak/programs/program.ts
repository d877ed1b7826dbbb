import { createInterface } from "node:readline";
import { systemClock } from "../../../src/base/clock.js";
import type { CallerReport, WorkerReport } from "../report.js";

/** How often a program reports, in milliseconds. */
const REPORT_MS = 250;

/** The setting `name`, which a run gives its programs in the environment. */
export function setting(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`${name} is not set: start this with npm run soak`);
  return value;
}

/** Prints what `report` returns, as a line of JSON, until the returned function is called. */
export function reportRegularly(report: () => CallerReport | WorkerReport): () => void {
  let isOver = false;
  const print = (): void => {
    if (isOver) return;
    console.log(JSON.stringify(report()));
    systemClock.setTimer(REPORT_MS, print);
  };
  print();
  return () => {
    isOver = true;
  };
}

/** Resolves when stdin ends: the run wants no more calls, or has ended itself. */
export function told(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  return new Promise((resolve) => lines.on("close", resolve));
}
