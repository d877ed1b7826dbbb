import { createHash } from "node:crypto";

/** What a caller asks of a worker. */
export interface Task {
  /** Unique over the whole run; identifies the executions of a call. */
  id: string;
  /** How long the work takes, in milliseconds. */
  workMs: number;
  /** Whether the handler throws at the end. */
  fails?: boolean;
  /** Makes the message larger. */
  padding?: string;
}

/** A worker's answer. */
export interface TaskAnswer {
  id: string;
  /** Depends on the id and nothing else. */
  digest: string;
}

/** The only right answer to the task with that id. */
export function answerTo(id: string): TaskAnswer {
  return { id, digest: createHash("sha256").update(id).digest("hex").slice(0, 16) };
}
