import { GibbsError } from "../../base/error.js";

// Why the hub ends a worker's stream, as the status that the worker sees.

export function draining(): GibbsError {
  return new GibbsError("UNAVAILABLE", "the hub is shutting down", { reason: "DRAINING" });
}

export function superseded(): GibbsError {
  const message = "the same worker process opened a newer stream";
  return new GibbsError("ABORTED", message, { reason: "SUPERSEDED" });
}

export function noHello(timeoutMs: number): GibbsError {
  const message = `no hello within ${timeoutMs} ms`;
  return new GibbsError("DEADLINE_EXCEEDED", message, { reason: "HELLO_TIMEOUT" });
}

export function silent(timeoutMs: number): GibbsError {
  const message = `the worker was silent for ${timeoutMs} ms`;
  return new GibbsError("UNAVAILABLE", message, { reason: "WORKER_SILENT" });
}

export function cancelIgnored(graceMs: number): GibbsError {
  const message = `a cancelled job had no terminal event within ${graceMs} ms`;
  return new GibbsError("ABORTED", message, { reason: "CANCEL_IGNORED" });
}

export function tooMany(maxWorkers: number): GibbsError {
  const message = `this hub takes at most ${maxWorkers} workers`;
  return new GibbsError("RESOURCE_EXHAUSTED", message, { reason: "TOO_MANY_WORKERS" });
}

export function violation(what: string): GibbsError {
  const message = `protocol violation: ${what}`;
  return new GibbsError("INVALID_ARGUMENT", message, { reason: "PROTOCOL_VIOLATION" });
}
