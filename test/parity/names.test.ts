import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../support/root.js";

/** What the original promises, according to its own tests and documentation. */
const behaviours = [
  "constructor-arguments",
  "constructor-throws",
  "dead-worker-skipped",
  "endless-retry-until-a-worker-comes",
  "handler-throws",
  "heartbeat-interval",
  "hub-closed-before-start",
  "hub-closed-while-waiting",
  "hub-restarted-workers-return",
  "hub-worker-communication",
  "jobs-spread-over-all-workers",
  "killed-worker-restarted",
  "killed-worker-retried-elsewhere",
  "late-answer-of-a-forgotten-request",
  "more-callers-than-workers",
  "parallel-workers",
  "port-and-host",
  "remote-traceback",
  "sigterm-finishes-the-job",
  "silent-unless-asked-to-log",
  "timeout",
];

it("each behaviour of the original has one test of its name, and there is no other", () => {
  const folder = join(root, "test/parity");
  const files = readdirSync(folder).filter(
    (name) => name.endsWith(".test.ts") && name !== "names.test.ts",
  );
  const names = files.flatMap((file) =>
    Array.from(
      readFileSync(join(folder, file), "utf8").matchAll(/\bit\("([^"]+)"/g),
      ([, name]) => name,
    ),
  );
  expect(names.sort()).toEqual(behaviours);
});
