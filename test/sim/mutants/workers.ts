import type { Mutant } from "./mutant.js";

const session = "worker/session.ts";

/** Faults of a worker. */
export const workerMutants: readonly Mutant[] = [
  {
    name: "the worker offers slots that are taken",
    file: session,
    find: "const more = this.#port.freeSlots() - this.#credit;",
    replace:
      "const more = this.#port.freeSlots() + this.#jobs.size - this.#held.size - this.#credit;",
  },
  {
    name: "the worker forgets what it has offered",
    file: session,
    find: "this.#credit += more;",
    replace: "",
  },
  {
    name: "a drained worker starts a job",
    file: session,
    find: 'if (this.#phase !== "serving") return this.#giveBack(job.jobId, "the worker is draining");',
    replace: "",
  },
  {
    name: "no terminal event after a cancel",
    file: session,
    find: "this.#pushOutcome(jobId, this.#fitted(outcome));",
    replace: "if (!accepted.abort.signal.aborted) this.#pushOutcome(jobId, this.#fitted(outcome));",
  },
  {
    name: "the handler is not told when its time is over",
    file: session,
    find: "if (job.timeoutMs !== undefined) {",
    replace: "if (job.timeoutMs === 0) {",
  },
  {
    name: "a job without a slot is held for ever",
    file: session,
    find: 'this.#giveBack(job.jobId, "no slot came free for it"),',
    replace: "undefined,",
  },
  {
    name: "a cancel of a held job is ignored",
    file: session,
    find: "if (this.#held.has(accepted)) this.#giveBack(jobId, reason);\n    else",
    replace: "if (!this.#held.has(accepted))",
  },
  {
    name: "orphans are not told",
    file: session,
    find: 'accepted.abort.abort(new Error("the connection to the hub was lost"));',
    replace: "",
  },
  {
    name: "heartbeats are not answered",
    file: session,
    find: 'this.#push({ case: "heartbeat", value: {} });',
    replace: "",
  },
  {
    name: "a silent hub is never left",
    file: session,
    find: "if (leftMs <= 0) return this.#port.giveUp(",
    replace: "if (leftMs <= -1e9) return this.#port.giveUp(",
  },
];
