import { createHash } from "node:crypto";

/** What a caller asks a worker to do. */
export interface Task {
  /** Unique across the whole run; identifies the executions of a call. */
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
  /** A value that depends only on the id. */
  digest: string;
}

/** Returns the only correct answer to the task with that id. */
export function answerTo(id: string): TaskAnswer {
  return { id, digest: createHash("sha256").update(id).digest("hex").slice(0, 16) };
}
