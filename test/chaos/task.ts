import { createHash } from "node:crypto";

/** What a caller asks of a worker. */
export interface Task {
  /** Unique over the whole run: by it the executions of a call are found. */
  id: string;
  /** How long it is to take, in milliseconds. */
  workMs: number;
  /** Whether the handler is to throw in the end. */
  fails?: boolean;
  /** Makes the message larger. */
  padding?: string;
}

/** What a worker answers. */
export interface TaskAnswer {
  id: string;
  /** Follows from the id and from nothing else. */
  digest: string;
}

/** The one right answer to the task of that id. */
export function answerTo(id: string): TaskAnswer {
  return { id, digest: createHash("sha256").update(id).digest("hex").slice(0, 16) };
}
