import { type Execution, type GibbsError, messageOf } from "../base/error.js";
import type { Logger } from "../base/logger.js";
import { fixed, type HubOptions } from "../base/options.js";
import { codeOf, toStatus, unpackHandlerDetails } from "../wire/status.js";
import {
  decodeWorkRequest,
  encodeHubEvents,
  type Failure,
  HeartbeatMode,
  type Hello,
  Idempotency,
  type Nack,
  type Result,
  WireExecution,
  type WorkerEvent,
} from "../wire/worker-events.js";
import type { HubCore } from "./core/hub-core.js";
import type { JobResult, WorkerFailure } from "./core/outcome.js";
import type { Session, WorkerHello } from "./core/session.js";
import * as sessionEnd from "./core/session-end.js";
import type { Engine, OutgoingEvent, WorkerPort } from "./engine.js";
import type { CallHandler, CallListener, ServerCall } from "./server-call.js";

/** What the streams of one hub have in common. */
export interface WorkerStreamContext {
  engine: Engine;
  limits: Required<Pick<HubOptions, WelcomeLimit>>;
  hubId: string;
  logger: Logger;
}

type WelcomeLimit =
  | "heartbeatIntervalMs"
  | "livenessTimeoutMs"
  | "hubTimeoutMs"
  | "cancelGraceMs"
  | "maxPayloadBytes"
  | "maxSlots";

/** gRPC's own limit, for a worker that does not say what it can receive. */
const DEFAULT_RECEIVE_BYTES = 4 * 1024 * 1024;

/** What a job's message holds beside its payload, at most. */
const JOB_ENVELOPE_BYTES = 16 * 1024;

/**
 * Of all streams that have nothing to write, and never written to: an array for each of ten
 * thousand idle workers would outlive the young collections, and what it held with it.
 */
const NOTHING: OutgoingEvent[] = [];

/** The handler of `WorkerService.Work`. */
export function workHandler(context: WorkerStreamContext): CallHandler {
  return (call) => new WorkerStream(call, context);
}

/** One worker's `Work` call: its messages to events of the core, the core's effects to messages. */
class WorkerStream implements WorkerPort, CallListener {
  readonly #call: ServerCall;
  readonly #context: WorkerStreamContext;
  readonly #session: Session;
  bagIndex = -1;
  #outbox: OutgoingEvent[] = NOTHING;

  constructor(call: ServerCall, context: WorkerStreamContext) {
    this.#call = call;
    this.#context = context;
    this.#session = context.engine.open(this);
  }

  push(event: OutgoingEvent): void {
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

  end(error: GibbsError | undefined): void {
    this.flush();
    const fields = { workerId: this.#session.workerId, session: this.#session.id };
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

  welcome(): OutgoingEvent {
    const { limits, hubId } = this.#context;
    this.#context.logger.info(
      { workerId: this.#session.workerId, session: this.#session.id },
      "worker connected",
    );
    return {
      case: "welcome",
      value: {
        sessionId: String(this.#session.id),
        hubId,
        heartbeatIntervalMs: limits.heartbeatIntervalMs,
        livenessTimeoutMs: limits.livenessTimeoutMs,
        hubTimeoutMs: limits.hubTimeoutMs,
        cancelGraceMs: limits.cancelGraceMs,
        maxPayloadBytes: limits.maxPayloadBytes,
        maxSlots: this.#session.hello?.maxSlots ?? 1,
      },
    };
  }

  onClose(): void {
    if (this.#session.state !== "ended") {
      const fields = { workerId: this.#session.workerId, session: this.#session.id };
      this.#context.logger.warn(fields, "worker lost: its connection broke");
    }
    this.#context.engine.lost(this.#session);
  }

  /** A dying connection looks the same at first, so what is held of the worker is lost either way. */
  onHalfClose(): void {
    if (this.#session.state === "ended") return;
    this.onClose();
    // A worker that did it on purpose still waits for the end of its call.
    this.#call.end(toStatus(sessionEnd.violation("the worker closed its side first")));
  }

  onDrain(): void {
    this.#context.engine.tell((core) => core.congested(this.#session, false));
  }

  onMessage(encoded: Buffer): void {
    this.#context.engine.tell((core, now) => {
      let events: WorkerEvent[];
      try {
        events = decodeWorkRequest(encoded);
      } catch (error) {
        return core.violation(this.#session, `not a WorkRequest: ${messageOf(error)}`, now);
      }
      core.heard(this.#session, now);
      try {
        for (const event of events) this.#apply(event, core, now);
      } catch (error) {
        core.violation(this.#session, `what cannot be read: ${messageOf(error)}`, now);
      }
    });
  }

  #apply({ event }: WorkerEvent, core: HubCore, now: number): void {
    const session = this.#session;
    switch (event.case) {
      case "hello": {
        const wrong = whatIsWrong(event.value);
        if (wrong !== undefined) return core.violation(session, wrong, now);
        return core.hello(session, this.#readHello(event.value), now);
      }
      case "ready":
        return core.ready(session, event.value.slots, now);
      case "result":
        return core.result(session, event.value.jobId, readResult(event.value), now);
      case "nack":
        return core.nack(
          session,
          event.value.jobId,
          readExecution(event.value),
          event.value.reason,
          now,
        );
      case "drain":
        return core.workerDrain(session, now);
      case "heartbeat":
        return core.announced(session, event.value.pendingBytes, now);
      case undefined:
        return;
    }
  }

  #readHello(hello: Hello): WorkerHello {
    const beatsWhileBusy = hello.heartbeatMode === HeartbeatMode.ALWAYS;
    const methods = hello.methods.map(
      ({ name, idempotency }) =>
        [name, { idempotent: idempotency === Idempotency.IDEMPOTENT }] as const,
    );
    return {
      workerId: hello.workerId,
      name: hello.name,
      version: hello.version,
      sdk: hello.sdk,
      labels: hello.labels,
      instanceId: Buffer.from(hello.instanceId).toString("hex"),
      methods: new Map(methods.length > 0 ? methods : [["", { idempotent: false }]]),
      beatsWhileBusy,
      maxReceiveBytes: (hello.maxReceiveBytes ?? DEFAULT_RECEIVE_BYTES) - JOB_ENVELOPE_BYTES,
      maxSlots: beatsWhileBusy ? this.#context.limits.maxSlots : 1,
    };
  }
}

function whatIsWrong(hello: Hello): string | undefined {
  const { maxNameLength, maxMethods, maxLabels } = fixed;
  const labels = Object.entries(hello.labels);
  if (hello.methods.length > maxMethods) return `more than ${maxMethods} methods`;
  if (labels.length > maxLabels) return `more than ${maxLabels} labels`;
  const names = [hello.workerId, hello.name, hello.version, hello.sdk];
  names.push(...hello.methods.map((method) => method.name), ...labels.flat());
  if (names.some((name) => name.length > maxNameLength)) {
    return `a name in hello has more than ${maxNameLength} characters`;
  }
  return hello.instanceId.length > 64 ? "an instance_id of more than 64 bytes" : undefined;
}

function readResult({ outcome }: Result): JobResult {
  switch (outcome.case) {
    case "payload":
      return { kind: "answer", payload: outcome.value };
    case "failure":
      return { kind: "failure", failure: readFailure(outcome.value) };
    case undefined:
      return { kind: "answer", payload: new Uint8Array() };
  }
}

function readFailure(failure: Failure): WorkerFailure {
  const { type, message, stack, reason } = failure;
  const code = failure.code === 0 ? undefined : (codeOf(failure.code) ?? "UNKNOWN");
  const { details, retryAfterMs } = unpackHandlerDetails(failure.details);
  return { code, type, message, stack, reason, details, retryAfterMs };
}

function readExecution({ execution }: Nack): Execution {
  return execution === WireExecution.NOT_STARTED ? "NOT_STARTED" : "UNKNOWN";
}
