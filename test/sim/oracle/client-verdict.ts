import type { Execution, GibbsError } from "../../../src/base/errors/error.js";
import { clientFixed } from "../../../src/client/options.js";
import { fromStatusFields } from "../../../src/wire/grpc/status.js";
import { decodePayload } from "../../../src/wire/payload/payload.js";
import type { Asked, AskedTold } from "./asked.js";

/** The limits a client observes. */
export interface ClientLimits {
  maxPayloadBytes: number;
  /** How long it waits for a hub, in milliseconds. */
  patienceMs: number;
}

/** What is known about a client at the time it tells a caller something. */
export interface ClientView extends ClientLimits {
  now: number;
  hubPayloadBytes: number;
  isClosed: boolean;
  /** Whether one of its streams currently accepts no data. */
  isHeldUp: () => boolean;
  /** Whether a hub has just reset one of its streams because the client did not read it. */
  wasReset: boolean;
  /** Number of bytes waiting to be written. */
  unsentBytes: () => number;
}

type Problem = [check: string, what: string] | undefined;

/** The longest pause before a request is sent again, in milliseconds. */
const MAX_PAUSE_MS = 1500;
const ANSWER_GRACE_MS = 1000;

/** Checks the outcome that a client's caller was given against the traffic and against what ran. */
export function judgeAsked(asked: Asked, told: AskedTold, view: ClientView): Problem {
  if (told.kind === "answer") return wrongAnswer(asked, told, view);
  const { error } = told;
  const what = `${asked}: ${error.code} ${error.reason} ${error.execution}: ${error.message}`;
  const status = statusOf(asked);
  const isFirsthand = status !== undefined && isRelay(asked, status, error);
  const problem = isFirsthand
    ? impatient(asked, status, view)
    : (unfounded(asked, error, view) ?? wrongExecution(asked, error));
  if (problem !== undefined) return [problem, what];
  return dishonest(asked, error) ? ["honest about what ran", what] : undefined;
}

function wrongAnswer(
  asked: Asked,
  { answer }: Extract<AskedTold, { kind: "answer" }>,
  { maxPayloadBytes }: ClientView,
): Problem {
  const heard = asked.last?.heard;
  if (heard?.case !== "response") return ["founded outcome", `${asked} was answered`];
  const json = JSON.stringify(answer.output);
  const { payload, ...info } = heard.value;
  if (payload.length > maxPayloadBytes) return ["no oversize answer", `${asked}`];
  if (json !== JSON.stringify(decodePayload(payload)) || !asked.returned.has(json)) {
    return ["the answer to this call", `${asked} got ${json}`];
  }
  const { requestId, workerId, attempts, queueTimeMs, runTimeMs } = info;
  const wanted = JSON.stringify({ requestId, workerId, attempts, queueTimeMs, runTimeMs });
  return JSON.stringify(answer.info) === wanted ? undefined : ["call info", `${asked}`];
}

/** The status that ended the last send, if one did. */
function statusOf({ last }: Asked): GibbsError | undefined {
  return last?.heard?.case === "status" ? fromStatusFields(last.heard.value) : undefined;
}

/**
 * Whether the hub's status was passed on unchanged, except that NOT_STARTED no longer holds once an
 * earlier send may have run.
 */
function isRelay(asked: Asked, status: GibbsError, error: GibbsError): boolean {
  const isSticky = asked.lost > 0 && status.execution === "NOT_STARTED";
  const code = isSticky && status.code === "UNAVAILABLE" ? "ABORTED" : status.code;
  const execution = isSticky ? "UNKNOWN" : status.execution;
  if (error.reason !== status.reason || error.code !== code) return false;
  if (error.execution !== execution || error.requestId !== status.requestId) return false;
  if (error.message !== status.message) return false;
  return isSticky || error.retryAfterMs === status.retryAfterMs;
}

/** The check that fails if the client should have tried again. */
function impatient(asked: Asked, status: GibbsError, view: ClientView): string | undefined {
  const isRefused = status.reason === "DRAINING" && status.execution === "NOT_STARTED";
  return isRefused && !isPatient(asked, view) ? "a draining hub is waited for" : undefined;
}

/**
 * The check that fails if neither what the client saw nor the time gave it a reason to fail the
 * call.
 */
function unfounded(asked: Asked, error: GibbsError, view: ClientView): string | undefined {
  const { now } = view;
  const isFounded = (): boolean => {
    switch (error.reason) {
      case "CLIENT_CANCELLED":
        return asked.isCancelled;
      case "CLIENT_CLOSED":
        return view.isClosed;
      case "NO_ANSWER": {
        const isSent = asked.last !== undefined;
        return now >= asked.until + ANSWER_GRACE_MS && (isSent || view.isHeldUp());
      }
      case "NOT_CONNECTED":
        return now >= Math.min(asked.until, asked.askedAt + view.patienceMs);
      case "DRAINING":
        // The stream was refused before anything was written to it.
        return isPatient(asked, view);
      case "CONNECTION_LOST":
        return isLossFounded(asked, error, view);
      case "PAYLOAD_TOO_LARGE":
        return asked.payload.length > Math.min(view.maxPayloadBytes, view.hubPayloadBytes);
      case "MESSAGE_TOO_LARGE":
        return isTooLarge(asked, view);
      case "SLOW_READER":
        return view.wasReset;
      case "RESULT_MALFORMED":
        return asked.last?.heard?.case === "response" && !decodes(asked.last.heard.value.payload);
      case "OUTBOX_FULL":
        return view.unsentBytes() > clientFixed.maxUnsentBytes;
      default:
        return false;
    }
  };
  return isFounded() ? undefined : "founded outcome";
}

/** Whether the client had used up its attempts or its time. */
function isLossFounded(asked: Asked, error: GibbsError, view: ClientView): boolean {
  const { last, lost, options, until } = asked;
  const isOfSend = error.code === "UNAVAILABLE" && error.execution === "UNKNOWN";
  if (!isOfSend) return isPatient(asked, view);
  if (last?.brokenBy === undefined || last.heard !== undefined) return false;
  if (options.idempotent !== true || lost >= (options.maxAttempts ?? 3)) return true;
  return until - view.now <= MAX_PAUSE_MS;
}

/** Whether a hub had enough time to come back. */
function isPatient({ askedAt, until }: Asked, { now, patienceMs }: ClientView): boolean {
  return until - now <= MAX_PAUSE_MS || now - askedAt >= patienceMs - MAX_PAUSE_MS;
}

function isTooLarge({ last }: Asked, { maxPayloadBytes }: ClientView): boolean {
  return last?.heard?.case === "response" && last.heard.value.payload.length > maxPayloadBytes;
}

function wrongExecution(asked: Asked, { reason, execution, code }: GibbsError): string | undefined {
  if (asked.last?.heard?.case === "response") {
    return execution === "FINISHED" ? undefined : "execution";
  }
  const expected: Execution = asked.lost > 0 ? "UNKNOWN" : "NOT_STARTED";
  if (execution !== expected) return "execution";
  const isPromise = code === "UNAVAILABLE" && reason !== "CONNECTION_LOST";
  return isPromise && execution !== "NOT_STARTED" ? "status table" : undefined;
}

/** Whether the execution reported to the caller contradicts what happened at the workers. */
function dishonest({ begun, finished }: Asked, error: GibbsError): boolean {
  if (error.execution === "NOT_STARTED") return begun > 0;
  return error.execution === "FINISHED" && finished === 0;
}

function decodes(payload: Uint8Array): boolean {
  try {
    decodePayload(payload);
    return true;
  } catch {
    return false;
  }
}
