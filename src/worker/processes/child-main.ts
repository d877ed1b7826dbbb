/**
 * The main module of a worker process: loads the model and runs one job at a time, without any
 * knowledge of gRPC. It lives as long as the agent that forked it.
 */

import { messageOf } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";
import type { JobInput } from "../executor.js";
import { buildHandlers, type HandlerTable, runHandler } from "../handler.js";
import type { ChildSettings, FromChild, ToChild } from "./child-messages.js";
import { holdLifeline } from "./lifeline.js";

/** What this process runs. */
interface Model {
  handlers: HandlerTable;
  settings: ChildSettings;
  token: string;
}

/** This process's state. Its agent starts it once, then gives it one job at a time. */
type State =
  | { kind: "new" | "starting" }
  | { kind: "idle"; model: Model }
  | { kind: "busy"; model: Model; abort: AbortController };

let state: State = { kind: "new" };

function send(message: FromChild, then: () => void = () => {}): void {
  // If disconnected, the agent has gone, and "disconnect" ends this process.
  if (process.connected) process.send?.(message, then);
}

async function load(settings: ChildSettings): Promise<HandlerTable> {
  const module: { default?: unknown } = await import(settings.moduleUrl);
  if (module.default === undefined) {
    throw gibbsError(
      "NO_HANDLER",
      "the module has no default export: export default a function, a class with a method call(input), or an object that maps method names to either",
    );
  }
  return buildHandlers(module.default, settings.method, settings.args);
}

async function start(settings: ChildSettings, token: string): Promise<void> {
  state = { kind: "starting" };
  try {
    const handlers = await load(settings);
    state = { kind: "idle", model: { handlers, settings, token } };
    const { idempotent } = settings;
    const methods = Array.from(handlers.keys(), (name) => ({ name, idempotent }));
    send({ kind: "up", methods, token });
  } catch (error) {
    const stack = error instanceof Error ? String(error.stack) : "";
    send({ kind: "failed", message: messageOf(error), stack, token }, () => process.exit(1));
  }
}

async function run(job: JobInput, model: Model): Promise<void> {
  const abort = new AbortController();
  state = { kind: "busy", model, abort };
  const outcome = await runHandler(model.handlers, job, abort, model.settings);
  state = { kind: "idle", model };
  send({ kind: "outcome", outcome, token: model.token });
}

process.on("message", (message: ToChild) => {
  switch (message.kind) {
    case "start":
      void start(message.settings, message.token);
      break;
    case "job":
      if (state.kind === "idle") void run(message.job, state.model);
      break;
    case "cancel":
      if (state.kind === "busy") state.abort.abort(new Error(message.reason));
      break;
  }
});

holdLifeline();

// Ctrl-C reaches the whole process group: the agent drains, and this process must stay alive until
// that is done.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));
