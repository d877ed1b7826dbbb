import type { Mutant } from "./mutant.js";

const session = "worker/session.ts";
const jobs = "worker/session-jobs.ts";

/** Faults of a worker. */
export const workerMutants: readonly Mutant[] = [
  {
    name: "the worker offers slots that are taken",
    file: session,
    find: "const more = this.#port.freeSlots() - this.#credit;",
    replace: "const more = this.#port.freeSlots() + this.#jobs.running - this.#credit;",
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
    find: "if (this.#isTaking) this.#jobs.accept(job);\n    else",
    replace: "this.#jobs.accept(job);\n    if (false)",
  },
  {
    name: "no terminal event after a cancel",
    file: jobs,
    find: "this.#listener.onOutcome(jobId, outcome);",
    replace: "if (!accepted.abort.signal.aborted) this.#listener.onOutcome(jobId, outcome);",
  },
  {
    name: "the handler is not told when its time is over",
    file: jobs,
    find: "if (timeoutMs !== undefined) {",
    replace: "if (timeoutMs === 0) {",
  },
  {
    name: "a job without a slot is held for ever",
    file: jobs,
    find: 'this.#giveBack(jobId, "no slot came free for it"),',
    replace: "undefined,",
  },
  {
    name: "a cancel of a held job is ignored",
    file: jobs,
    find: "if (this.#held.has(accepted)) this.#giveBack(jobId, reason);\n    else",
    replace: "if (!this.#held.has(accepted))",
  },
  {
    name: "orphans are not told",
    file: jobs,
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
    file: "worker/silence.ts",
    find: "if (leftMs <= 0) return this.#onSilent(",
    replace: "if (leftMs <= -1e9) return this.#onSilent(",
  },
];
