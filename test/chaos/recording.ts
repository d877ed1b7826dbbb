import type { JobContext } from "../../src/worker/handler.js";
import type { Journal, Note } from "./journal.js";
import { machineNow } from "./machine-time.js";
import { answerTo, type Task, type TaskAnswer } from "./task.js";

/** The worker that executes tasks. */
export interface Executing {
  /** Unique across the whole run. */
  worker: string;
  /** The process that a fault can hit. */
  host: string;
  slots: number;
}

/**
 * Returns a handler that records the start and end of each execution and answers as its task
 * specifies.
 *
 * @param work spends a task's work time, in milliseconds, or less if it can stop when `signal`
 * fires.
 * @param onStart is called for each execution once its start is recorded.
 */
export function recording(
  journal: Journal,
  { worker, host, slots }: Executing,
  work: (workMs: number, signal: AbortSignal) => void | Promise<void>,
  onStart: (note: Extract<Note, { kind: "start" }>) => void = () => {},
): (task: Task, context: JobContext) => Promise<TaskAnswer> {
  let runs = 0;
  journal.write({ kind: "worker", at: machineNow(), worker, host, slots, pid: process.pid });
  return async ({ id, workMs, fails }, { requestId, attempt, signal }) => {
    runs += 1;
    const execution = { id, worker, run: runs, requestId, attempt };
    const start = { kind: "start" as const, at: machineNow(), ...execution };
    journal.write(start);
    onStart(start);
    await work(workMs, signal);
    journal.write({ kind: "end", at: machineNow(), ...execution });
    if (fails) throw new RangeError(`task ${id} was meant to fail`);
    return answerTo(id);
  };
}
