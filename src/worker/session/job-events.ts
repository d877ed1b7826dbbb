import { type Job, WireExecution, type WorkerEventInit } from "../../wire/messages/work.js";
import type { JobInput, JobOutcome } from "../executor.js";

/** Converts a job to the form that its executor takes. */
export function toInput(job: Job): JobInput {
  const { method, payload, attempt, requestId, timeoutMs } = job;
  const metadata: JobInput["metadata"] = {};
  for (const { key, value } of job.metadata) {
    metadata[key] = key.endsWith("-bin") ? value : Buffer.from(value).toString("utf8");
  }
  return { method, payload, attempt, requestId, timeoutMs, metadata };
}

/** Returns the terminal event of a job. */
export function toTerminalEvent(jobId: number, outcome: JobOutcome): WorkerEventInit {
  switch (outcome.kind) {
    case "payload":
      return {
        case: "result",
        value: { jobId, outcome: { case: "payload", value: outcome.payload } },
      };
    case "failure":
      return {
        case: "result",
        value: { jobId, outcome: { case: "failure", value: outcome.failure } },
      };
    case "nack": {
      const notStarted = outcome.execution === "NOT_STARTED";
      const execution = notStarted ? WireExecution.NOT_STARTED : WireExecution.UNKNOWN;
      return { case: "nack", value: { jobId, execution, reason: outcome.reason } };
    }
  }
}
