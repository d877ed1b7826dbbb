import type { GibbsError } from "../../../base/errors/error.js";
import type { CoreLimits } from "../limits.js";
import type { Session } from "./session.js";
import * as sessionEnd from "./session-end.js";

const MIN_BYTES_PER_SECOND = 4 * 1024;

/** All sessions together are asked about this often. */
const MAX_BEATS_PER_SECOND = 500;

/** A message of at least this size keeps others waiting on a slow link. */
export const LARGE_BYTES: number = 256 * 1024;

/**
 * What a session's silence means: nothing yet, that it is to be asked for a sign
 * of life, or that its stream is to be ended. A worker that cannot speak while it
 * computes is asked all the same, but not judged.
 */
export function checkLiveness(
  session: Session,
  limits: CoreLimits,
  beatMs: number,
  now: number,
): "ask" | GibbsError | undefined {
  if (session.state === "opening") return sessionEnd.noHello(limits.helloTimeoutMs);
  if (session.isJudged && lostAt(session, limits) <= now) {
    return sessionEnd.silent(limits.livenessTimeoutMs);
  }
  return session.lastBeatAt + beatMs <= now ? "ask" : undefined;
}

/** When {@link checkLiveness} may find something next. */
export function nextCheckAt(session: Session, limits: CoreLimits, beatMs: number): number {
  const ask = session.lastBeatAt + beatMs;
  return session.isJudged ? Math.min(ask, lostAt(session, limits)) : ask;
}

/**
 * How often to ask each of so many sessions, whether or not they speak by
 * themselves: their own patience with the hub counts what they hear. Many are
 * asked less often, but three times before their silence is held against them.
 */
export function beatIntervalMs(limits: CoreLimits, sessions: number): number {
  const frugalMs = (sessions / MAX_BEATS_PER_SECOND) * 1000;
  return Math.max(limits.heartbeatIntervalMs, Math.min(frugalMs, limits.livenessTimeoutMs / 4));
}

/**
 * A message of `bytes` is about to follow, or was just written: on a slow link it
 * keeps all others waiting, heartbeats too. It must make a little progress still.
 */
export function excuse(session: Session, bytes: number, now: number): void {
  session.excusedUntil = Math.max(session.excusedUntil, now + transferMs(bytes));
}

/** How long so many bytes may be under way on the slowest link that is allowed. */
export function transferMs(bytes: number): number {
  return (bytes / MIN_BYTES_PER_SECOND) * 1000;
}

/** The hub itself stood still for so long: it could not have heard the session. */
export function forgive(session: Session, stallMs: number, now: number): void {
  session.lastHeardAt = Math.min(now, session.lastHeardAt + stallMs);
}

function lostAt(session: Session, { livenessTimeoutMs }: CoreLimits): number {
  return Math.max(session.lastHeardAt, session.excusedUntil) + livenessTimeoutMs;
}
