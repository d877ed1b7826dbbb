import type { KeptBytes } from "../../base/bytes.js";
import type { Execution } from "../../base/errors/error.js";
import { fixed } from "../../base/options/limits.js";
import { codeOf, unpackHandlerDetails } from "../../wire/grpc/status.js";
import {
  type Failure,
  HeartbeatMode,
  type Hello,
  type HubEventInit,
  Idempotency,
  type Nack,
  type Result,
  WireExecution,
  type WorkerEvent,
} from "../../wire/messages/work.js";
import type { WorkerEffect } from "../core/effect.js";
import type { HubCore } from "../core/hub-core.js";
import type { JobResult, WorkerFailure } from "../core/requests/outcome.js";
import type { Session, WorkerHello } from "../core/workers/session.js";
import type { HubSettings } from "../options.js";

// Converts the core's decisions to events of `gibbs.v1.WorkerService.Work`, and a worker's events
// to events of the core.

/** An event for a worker, with the payload in the form in which it was received. */
export type OutgoingEvent = HubEventInit<KeptBytes>;

/** What a hub says about itself in its welcome. */
export interface HubIdentity {
  hubId: string;
  limits: Pick<HubSettings, WelcomeLimit>;
}

type WelcomeLimit =
  | "heartbeatIntervalMs"
  | "livenessTimeoutMs"
  | "hubTimeoutMs"
  | "cancelGraceMs"
  | "maxPayloadBytes"
  | "maxSlots";

/** gRPC's default limit, assumed for a worker that does not declare one. */
const DEFAULT_RECEIVE_BYTES = 4 * 1024 * 1024;

/** The maximum size of a job's message without its payload and metadata. */
const JOB_ENVELOPE_BYTES = 16 * 1024;

/** The longest timeout that a job can carry: uint32 on the wire. */
const MAX_TIMEOUT_MS = 2 ** 32 - 1;

/**
 * How long a worker should wait before it returns to a hub that is shutting down: another hub may
 * take its place.
 */
const RECONNECT_AFTER_MS = 100;

/** Converts an effect to the event that reports it to a worker. */
export function toHubEvent(
  effect: Exclude<WorkerEffect, { kind: "end" }>,
  hub: HubIdentity,
): OutgoingEvent {
  switch (effect.kind) {
    case "job": {
      const { job, request, timeLeftMs } = effect;
      const { method, payload, attempts, metadata, requestId } = request;
      const hasLimit = timeLeftMs !== Number.POSITIVE_INFINITY;
      return {
        case: "job",
        value: {
          jobId: job.id,
          method,
          payload,
          attempt: attempts,
          timeoutMs: hasLimit ? Math.min(Math.ceil(timeLeftMs), MAX_TIMEOUT_MS) : undefined,
          metadata,
          requestId,
        },
      };
    }
    case "welcome":
      return welcome(effect.session, hub);
    case "cancel":
      return { case: "cancel", value: { jobId: effect.jobId, reason: effect.reason } };
    case "heartbeat":
      return { case: "heartbeat", value: {} };
    case "drain":
      return {
        case: "drain",
        value: { next: { case: "reconnectAfterMs", value: RECONNECT_AFTER_MS } },
      };
  }
}

function welcome(session: Session, { hubId, limits }: HubIdentity): OutgoingEvent {
  return {
    case: "welcome",
    value: {
      sessionId: String(session.id),
      hubId,
      heartbeatIntervalMs: limits.heartbeatIntervalMs,
      livenessTimeoutMs: limits.livenessTimeoutMs,
      hubTimeoutMs: limits.hubTimeoutMs,
      cancelGraceMs: limits.cancelGraceMs,
      maxPayloadBytes: limits.maxPayloadBytes,
      maxSlots: session.hello?.maxSlots ?? 1,
    },
  };
}

/**
 * Reports one event from a worker to the core.
 *
 * @throws Error if something in it cannot be read.
 */
export function tellWorkerEvent(
  { event }: WorkerEvent,
  core: HubCore,
  session: Session,
  maxSlots: number,
  now: number,
): void {
  switch (event.case) {
    case "hello": {
      const wrong = whatIsWrong(event.value);
      if (wrong !== undefined) return core.violation(session, wrong, now);
      return core.hello(session, readHello(event.value, maxSlots), now);
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

function readHello(hello: Hello, maxSlots: number): WorkerHello {
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
    maxSlots: beatsWhileBusy ? maxSlots : 1,
  };
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
