import type { GibbsError } from "../../../base/errors/error.js";
import type { CoreLimits } from "../limits.js";
import type { Session } from "./session.js";
import * as sessionEnd from "./session-end.js";

const MIN_BYTES_PER_SECOND = 4 * 1024;

/**
 * The number of heartbeats per second, across all sessions, above which each session gets fewer.
 */
const MAX_BEATS_PER_SECOND = 500;

/** A message of at least this size delays others on a slow link. */
export const LARGE_BYTES: number = 256 * 1024;

/**
 * Decides what a session's silence calls for: nothing yet, a heartbeat, or the end of its stream. A
 * worker that cannot respond while it computes gets heartbeats too, but its silence is then
 * ignored.
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

/** The earliest time at which {@link checkLiveness} may next call for something. */
export function nextCheckAt(session: Session, limits: CoreLimits, beatMs: number): number {
  const ask = session.lastBeatAt + beatMs;
  return session.isJudged ? Math.min(ask, lostAt(session, limits)) : ask;
}

/**
 * How often to send each of `sessions` sessions a heartbeat, even one that keeps sending, because a
 * worker also needs to hear from the hub. With many sessions each gets fewer, but still three
 * before its silence counts against it.
 */
export function beatIntervalMs(limits: CoreLimits, sessions: number): number {
  const frugalMs = (sessions / MAX_BEATS_PER_SECOND) * 1000;
  return Math.max(limits.heartbeatIntervalMs, Math.min(frugalMs, limits.livenessTimeoutMs / 4));
}

/**
 * Excuses a session's silence while a message of `bytes` bytes is in transit: on a slow link it
 * delays all others, even heartbeats. The transfer must still make a little progress.
 */
export function excuse(session: Session, bytes: number, now: number): void {
  session.excusedUntil = Math.max(session.excusedUntil, now + transferMs(bytes));
}

/** How long `bytes` may take on the slowest link allowed. */
export function transferMs(bytes: number): number {
  return (bytes / MIN_BYTES_PER_SECOND) * 1000;
}

/** Ignores a session's silence for the `stallMs` during which the hub itself was stalled. */
export function forgive(session: Session, stallMs: number, now: number): void {
  session.lastHeardAt = Math.min(now, session.lastHeardAt + stallMs);
}

function lostAt(session: Session, { livenessTimeoutMs }: CoreLimits): number {
  return Math.max(session.lastHeardAt, session.excusedUntil) + livenessTimeoutMs;
}
