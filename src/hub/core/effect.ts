import type { GibbsError } from "../../base/errors/error.js";
import type { Outcome, Request } from "./requests/request.js";
import type { UnreadResponse } from "./requests/unread.js";
import type { Job, Session } from "./workers/session.js";

/** What to do on a worker's stream. */
export type WorkerEffect = Exclude<Effect, { kind: "settle" | "abandon" }>;

/** What the shell must do. The effects of one session are in wire order. */
export type Effect =
  | { kind: "settle"; request: Request; outcome: Outcome }
  /** The caller is not reading its response: abandon it. */
  | { kind: "abandon"; response: UnreadResponse }
  | { kind: "welcome"; session: Session }
  /** `timeLeftMs` is how long the job may run, `Infinity` for no limit. */
  | { kind: "job"; session: Session; job: Job; request: Request; timeLeftMs: number }
  | { kind: "cancel"; session: Session; jobId: number; reason: string }
  | { kind: "heartbeat"; session: Session }
  | { kind: "drain"; session: Session }
  /** End the stream: with OK, or with the status of `error`. */
  | { kind: "end"; session: Session; error: GibbsError | undefined };
