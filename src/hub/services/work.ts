import { type GibbsError, messageOf } from "../../base/errors/error.js";
import type { Logger } from "../../base/logger.js";
import { toStatus } from "../../wire/grpc/status.js";
import { decodeWorkRequest, encodeHubEvents, type WorkerEvent } from "../../wire/messages/work.js";
import type { WorkerEffect } from "../core/effect.js";
import type { Session } from "../core/workers/session.js";
import * as sessionEnd from "../core/workers/session-end.js";
import type { Engine, WorkerPort } from "../engine.js";
import type { CallHandler, CallListener, ServerCall } from "../transport/server-call.js";
import {
  type HubIdentity,
  type OutgoingEvent,
  tellWorkerEvent,
  toHubEvent,
} from "./work-events.js";

/** What the `Work` streams of one hub share. */
export interface WorkContext extends HubIdentity {
  engine: Engine;
  logger: Logger;
}

/**
 * Shared by all streams that have nothing to write, and never modified. A separate array for each
 * of ten thousand idle workers would survive young-generation collections, along with whatever it
 * had held.
 */
const NOTHING: OutgoingEvent[] = [];

/** The handler of `WorkerService.Work`. */
export function workHandler(context: WorkContext): CallHandler {
  return (call) => new WorkStream(call, context);
}

/**
 * One worker's `Work` call: converts its messages to events of the core, and the core's effects to
 * messages.
 */
class WorkStream implements WorkerPort, CallListener {
  readonly #call: ServerCall;
  readonly #context: WorkContext;
  readonly #session: Session;
  bagIndex = -1;
  #outbox: OutgoingEvent[] = NOTHING;

  constructor(call: ServerCall, context: WorkContext) {
    this.#call = call;
    this.#context = context;
    this.#session = context.engine.open(this);
  }

  perform(effect: WorkerEffect): void {
    if (effect.kind === "end") return this.#end(effect.error);
    if (effect.kind === "welcome") this.#context.logger.info(this.#logFields(), "worker connected");
    const event = toHubEvent(effect, this.#context);
    if (this.#outbox === NOTHING) this.#outbox = [event];
    else this.#outbox.push(event);
  }

  flush(): void {
    const events = this.#outbox;
    this.#outbox = NOTHING;
    const maxBytes = this.#session.hello?.maxReceiveBytes;
    for (const message of encodeHubEvents(events, maxBytes)) {
      const isFull = !this.#call.write(message);
      if (isFull) this.#context.engine.tell((core) => core.congested(this.#session, true));
    }
  }

  #end(error: GibbsError | undefined): void {
    this.flush();
    const fields = this.#logFields();
    if (error === undefined) {
      this.#context.logger.info(fields, "worker left");
      this.#call.end();
    } else {
      this.#context.logger.warn(
        { ...fields, reason: error.reason },
        `worker dropped: ${error.message}`,
      );
      this.#call.end(toStatus(error));
    }
  }

  #logFields(): Record<string, unknown> {
    return { workerId: this.#session.workerId, session: this.#session.id };
  }

  onClose(): void {
    if (this.#session.state !== "ended") {
      this.#context.logger.warn(this.#logFields(), "worker lost: its connection broke");
    }
    this.#context.engine.lost(this.#session);
  }

  /** A dying connection looks the same at first, so the worker's jobs are lost either way. */
  onHalfClose(): void {
    if (this.#session.state === "ended") return;
    this.onClose();
    // A worker that half-closed on purpose is still waiting for the end of its call.
    this.#call.end(toStatus(sessionEnd.violation("the worker closed its side first")));
  }

  onDrain(): void {
    this.#context.engine.tell((core) => core.congested(this.#session, false));
  }

  onMessage(encoded: Buffer): void {
    const session = this.#session;
    const { maxSlots } = this.#context.limits;
    this.#context.engine.tell((core, now) => {
      let events: WorkerEvent[];
      try {
        events = decodeWorkRequest(encoded);
      } catch (error) {
        return core.violation(session, `not a WorkRequest: ${messageOf(error)}`, now);
      }
      core.heard(session, now);
      try {
        for (const event of events) tellWorkerEvent(event, core, session, maxSlots, now);
      } catch (error) {
        core.violation(session, `unreadable event: ${messageOf(error)}`, now);
      }
    });
  }
}
