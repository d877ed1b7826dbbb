// The conformance model for `gibbs worker` and `startWorkers`:
// gibbs conformance -- gibbs worker conformance/models/model.js --count 2
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { GibbsError } from "gibbs/worker";

const codes = { 5: "NOT_FOUND", 9: "FAILED_PRECONDITION", 11: "OUT_OF_RANGE" };

export default {
  "conformance.echo": (input) => input,

  "conformance.hold": (ms, { signal }) => wait(ms, ms, { signal }),

  "conformance.block": (ms) => {
    const until = performance.now() + ms;
    while (performance.now() < until);
    return ms;
  },

  "conformance.fail": ({ message, code }) => {
    if (code === undefined) throw new TypeError(message);
    throw new GibbsError(codes[code], message);
  },

  "conformance.context": (_input, { attempt, requestId, timeoutMs = null, metadata }) => {
    const shown = Object.entries(metadata).map(([key, value]) => [
      key,
      typeof value === "string" ? value : Buffer.from(value).toString("base64"),
    ]);
    const entries = Object.fromEntries(shown);
    return { attempt, request_id: requestId, timeout_ms: timeoutMs, metadata: entries };
  },

  "conformance.bytes": (length) => new Uint8Array(randomBytes(length)),
};
