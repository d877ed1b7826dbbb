import { constants, type ServerHttp2Stream } from "node:http2";
import type { Metadata, ServerUnaryCall, StatusObject, sendUnaryData } from "@grpc/grpc-js";
import { msUntil } from "../base/clock.js";
import { GibbsError, messageOf } from "../base/error.js";
import { readRequest, writeResponse } from "../wire/relay.js";
import { toStatus } from "../wire/status.js";
import type { MetadataPair, Outcome, Submission } from "./core/request.js";
import type { Engine } from "./engine.js";
import { DEADLINE_SLACK_MS, streamOf } from "./grpc-internals.js";
import { asGibbsError, type SubmissionContext, toSubmission } from "./submission.js";

/**
 * The hub ends a call this much before its gRPC deadline, in milliseconds: at
 * the deadline itself the caller's library and grpc-js end it with a bare
 * status, and why it ended, and whether it ran, would be lost.
 */
const DEADLINE_MARGIN_MS = 5;

/** A method and options need less; grpc-js keeps the whole message, and only payloads are counted. */
const MAX_BESIDES_BYTES = 16 * 1024;

/** Makes the handler of `HubService.Request`. Its messages stay encoded. */
export function requestHandler(
  engine: Engine,
  context: SubmissionContext,
  forwardMetadata: readonly string[],
): (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void {
  return (call, callback) => {
    const stream = streamOf(call);
    let submission: Submission;
    try {
      const metadata = pick(call.metadata, forwardMetadata);
      submission = toSubmission(
        read(call.request),
        metadata,
        timeoutOf(call),
        stream.session,
        engine.now(),
        context,
      );
    } catch (error) {
      return callback(toStatus(asGibbsError(error)));
    }
    const request = engine.submit(submission, (outcome) => {
      const answer = toAnswer(outcome, submission);
      callback(answer.error, answer.response);
      if (answer.response === undefined) return;
      track(engine, stream, answer.response.length);
    });
    call.on("cancelled", () => {
      // grpc-js says so of calls, too, that have ended well.
      if (request.state !== "settled") engine.tell((core, now) => core.cancel(request, now));
    });
  };
}

function read(encoded: Buffer): ReturnType<typeof readRequest> {
  try {
    const request = readRequest(encoded);
    const besides = encoded.length - request.payload.length;
    if (besides <= MAX_BESIDES_BYTES) return request;
    throw new Error(`${besides} bytes beside its payload`);
  } catch (error) {
    throw new GibbsError("INVALID_ARGUMENT", `not a RequestRequest: ${messageOf(error)}`, {
      reason: "MALFORMED",
      execution: "NOT_STARTED",
    });
  }
}

function timeoutOf(call: ServerUnaryCall<Buffer, Buffer>): number | undefined {
  const left = msUntil(call.getDeadline()) - DEADLINE_SLACK_MS;
  if (left === Number.POSITIVE_INFINITY) return undefined;
  return left - Math.min(DEADLINE_MARGIN_MS, left / 10);
}

function pick(metadata: Metadata, keys: readonly string[]): MetadataPair[] {
  return keys.flatMap((key) =>
    metadata.get(key).map((value) => ({ key, value: Buffer.from(value as string) })),
  );
}

/** Holds an answer against the caller until its connection has taken it. */
function track(engine: Engine, stream: ServerHttp2Stream, bytes: number): void {
  if (stream.destroyed) return;
  const answer = engine.sending(stream.session ?? stream, bytes, () => {
    // As RESOURCE_EXHAUSTED in gRPC's mapping, should the caller ever read it.
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
  stream.once("close", () => engine.sent(answer));
}

function toAnswer(
  outcome: Outcome,
  { requestId }: Submission,
): { error: StatusObject | null; response?: Buffer } {
  if (outcome.kind === "failure") return { error: toStatus(outcome.error) };
  const { attempts } = outcome.info;
  try {
    const info = { requestId, ...outcome.info };
    return { error: null, response: writeResponse(outcome.payload, info) };
  } catch (error) {
    return { error: toStatus(malformedResult(error, requestId, attempts)) };
  }
}

/** A worker answered with what is no payload. */
export function malformedResult(cause: unknown, requestId: string, attempts: number): GibbsError {
  const message = `the worker's answer is no payload: ${messageOf(cause)}`;
  const details = { reason: "RESULT_MALFORMED", requestId, attempts, cause } as const;
  return new GibbsError("INTERNAL", message, { ...details, execution: "FINISHED" });
}
