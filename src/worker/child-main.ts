/**
 * The main module of a worker process: loads the model, computes one job at a
 * time, knows nothing of gRPC. It lives as long as the agent that forked it.
 */

import { messageOf } from "../base/error.js";
import { gibbsError } from "../base/reasons.js";
import type { ChildSettings, FromChild, ToChild } from "./child-messages.js";
import type { JobInput } from "./executor.js";
import { buildHandlers, type HandlerTable, runHandler } from "./handler.js";
import { holdLifeline } from "./lifeline.js";

let token = "";
let handlers: HandlerTable = new Map();
let settings: ChildSettings | undefined;
let running: AbortController | undefined;

/** A message without its token. */
type Told<M> = M extends FromChild ? Omit<M, "token"> : never;

function tell(message: Told<FromChild>, then: () => void = () => {}): void {
  // Not connected any more: the agent is gone, and "disconnect" ends this process.
  if (process.connected) process.send?.({ ...message, token }, then);
}

async function start(given: ChildSettings): Promise<void> {
  settings = given;
  const module: { default?: unknown } = await import(given.moduleUrl);
  if (module.default === undefined) {
    throw gibbsError(
      "NO_HANDLER",
      "the module has no default export: export default a function, a class with a method call(input), or an object of those by method",
    );
  }
  handlers = buildHandlers(module.default, given.method, given.args);
  const methods = Array.from(handlers.keys(), (name) => ({ name, idempotent: given.idempotent }));
  tell({ kind: "up", methods });
}

async function run(job: JobInput): Promise<void> {
  running = new AbortController();
  const { maxPayloadBytes = 0, sendStacks = false } = settings ?? {};
  const outcome = await runHandler(handlers, job, running, { maxPayloadBytes, sendStacks });
  running = undefined;
  tell({ kind: "outcome", outcome });
}

function fail(error: unknown): void {
  const stack = error instanceof Error ? String(error.stack) : "";
  tell({ kind: "failed", message: messageOf(error), stack }, () => process.exit(1));
}

process.on("message", (message: ToChild) => {
  switch (message.kind) {
    case "start":
      token = message.token;
      start(message.settings).catch(fail);
      break;
    case "job":
      void run(message.job);
      break;
    case "cancel":
      running?.abort(new Error(message.reason));
      break;
  }
});

holdLifeline();

// Ctrl-C reaches the whole process group: the agent drains, and this process
// must live until then.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));
