import { afterAll, expect, type RunnerTask } from "vitest";
import { onInputOutput } from "./input-output.js";

let opened = false;

onInputOutput(() => {
  opened = true;
});

// biome-ignore lint/correctness/noEmptyPattern: vitest wants a pattern before the suite
afterAll(({}, suite) => {
  // A test that was skipped or failed may have been the one that opens something.
  if (!suite.tasks.every(hasPassed)) return;
  expect(opened, "no socket and no process: add the file to `unit` in vitest.config.ts").toBe(true);
});

function hasPassed(task: RunnerTask): boolean {
  return task.type === "suite" ? task.tasks.every(hasPassed) : task.result?.state === "pass";
}
