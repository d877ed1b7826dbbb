import type { Mutant } from "./mutant.js";

/** Faults in a worker. */
export const workerMutants: readonly Mutant[] = [
  {
    name: "the worker offers slots that are taken",
    at: "WorkerSession.offerSlots",
    find: "const more = this.#port.freeSlots() - this.#credit;",
    replace: "const more = this.#port.freeSlots() + this.#jobs.running - this.#credit;",
  },
  {
    name: "the worker forgets what it has offered",
    at: "WorkerSession.offerSlots",
    find: "this.#credit += more;",
    replace: "",
  },
  {
    name: "a drained worker starts a job",
    at: "WorkerSession.#onJob",
    find: "if (this.#isTaking) this.#jobs.accept(job);\n    else",
    replace: "this.#jobs.accept(job);\n    if (false)",
  },
  {
    name: "no terminal event after a cancel",
    at: "SessionJobs.#start",
    find: "this.#listener.onOutcome(jobId, outcome);",
    replace: "if (!accepted.abort.signal.aborted) this.#listener.onOutcome(jobId, outcome);",
  },
  {
    name: "the handler is not told that its deadline has passed",
    at: "SessionJobs.accept",
    find: "if (timeoutMs !== undefined) {",
    replace: "if (timeoutMs === 0) {",
  },
  {
    name: "a job without a slot is held forever",
    at: "SessionJobs.accept",
    find: 'this.#giveBack(jobId, "no slot became free for it"),',
    replace: "undefined,",
  },
  {
    name: "a cancel of a held job is ignored",
    at: "SessionJobs.cancel",
    find: "if (this.#held.has(accepted)) this.#giveBack(jobId, reason);\n    else",
    replace: "if (!this.#held.has(accepted))",
  },
  {
    name: "orphans are not told",
    at: "SessionJobs.orphan",
    find: 'accepted.abort.abort(new Error("the connection to the hub was lost"));',
    replace: "",
  },
  {
    name: "heartbeats are not answered",
    at: "WorkerSession.receive",
    find: 'this.#push({ case: "heartbeat", value: {} });',
    replace: "",
  },
  {
    name: "a silent hub is never abandoned",
    at: "SilenceWatch.#judge",
    find: "if (leftMs <= 0) return this.#onSilent(",
    replace: "if (leftMs <= -1e9) return this.#onSilent(",
  },
];
