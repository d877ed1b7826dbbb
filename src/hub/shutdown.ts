import { type Clock, delay } from "../base/clock.js";
import type { Engine } from "./engine.js";
import type { ClientStreams } from "./services/client-streams.js";
import type { Health } from "./services/health.js";
import type { Listener } from "./transport/listener.js";

/** How long answers that are being written may still take when a hub closes. */
const CLOSE_GRACE_MS = 2000;

/** The parts of a hub that are shut down. */
export interface Running {
  engine: Engine;
  health: Health;
  streams: ClientStreams;
  /** Undefined if the hub does not listen. */
  listener: Listener | undefined;
  clock: Clock;
}

/**
 * Refuses new work, lets running work finish, and closes the port; whatever is still running after
 * `drainTimeoutMs` is ended.
 */
export async function shutDown(running: Running, drainTimeoutMs: number): Promise<void> {
  const { engine, health, streams, listener, clock } = running;
  health.drain();
  engine.tell((core, now) => core.drain(now));
  streams.drain();
  const idle = engine.idle();
  await atMost(clock, drainTimeoutMs, idle);
  engine.tell((core, now) => core.stop(now));
  await idle;
  // A call that crosses the drain must get a status instead of being cut off.
  await atMost(clock, Math.min(drainTimeoutMs, CLOSE_GRACE_MS), streams.gone());
  streams.close();
  health.close();
  await listener?.close(CLOSE_GRACE_MS);
  engine.dispose();
}

async function atMost(clock: Clock, ms: number, done: Promise<void>): Promise<void> {
  const patience = new AbortController();
  await Promise.race([done, delay(clock, ms, patience.signal)]);
  patience.abort();
}
