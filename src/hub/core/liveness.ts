import type { CoreLimits } from "./limits.js";
import type { Session } from "./session.js";

/**
 * What a session's silence means: nothing yet, that it is to be asked for a sign
 * of life, or that it is lost. A worker that cannot speak while it computes is
 * asked all the same, but not judged.
 */
export function verdict(
  session: Session,
  limits: CoreLimits,
  now: number,
): "fine" | "ask" | "lost" {
  if (session.judged && session.lastHeardAt + limits.livenessTimeoutMs <= now) return "lost";
  return askAt(session, limits) <= now ? "ask" : "fine";
}

/** When the verdict may change next. */
export function judgeAt(session: Session, limits: CoreLimits): number {
  const lostAt = session.lastHeardAt + limits.livenessTimeoutMs;
  return session.judged ? Math.min(askAt(session, limits), lostAt) : askAt(session, limits);
}

function askAt(session: Session, { heartbeatIntervalMs }: CoreLimits): number {
  return Math.max(session.lastHeardAt, session.lastBeatAt) + heartbeatIntervalMs;
}
