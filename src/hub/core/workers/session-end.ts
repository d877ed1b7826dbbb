import type { GibbsError } from "../../../base/errors/error.js";
import { gibbsError } from "../../../base/errors/reasons.js";

// Why the hub ends a worker's stream, as the status that the worker sees.

export { draining, violation } from "../../../base/errors/failures.js";

export function superseded(): GibbsError {
  return gibbsError("SUPERSEDED", "the same worker process opened a newer stream");
}

export function noHello(timeoutMs: number): GibbsError {
  return gibbsError("HELLO_TIMEOUT", `no hello within ${timeoutMs} ms`);
}

export function silent(timeoutMs: number): GibbsError {
  return gibbsError("WORKER_SILENT", `the worker was silent for ${timeoutMs} ms`);
}

export function cancelIgnored(graceMs: number): GibbsError {
  const message = `a cancelled job had no terminal event within ${graceMs} ms`;
  return gibbsError("CANCEL_IGNORED", message);
}

export function tooMany(maxWorkers: number): GibbsError {
  return gibbsError("TOO_MANY_WORKERS", `this hub accepts at most ${maxWorkers} workers`);
}
