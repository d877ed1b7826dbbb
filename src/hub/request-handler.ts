import type { Metadata, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { msUntil } from "../base/clock.js";
import { GibbsError, messageOf } from "../base/error.js";
import { toDuration } from "../wire/duration.js";
import { readRequest, writeResponse } from "../wire/relay.js";
import { toStatus } from "../wire/status.js";
import type { MetadataPair, Outcome, Submission } from "./core/request.js";
import type { Engine } from "./engine.js";
import { type SubmissionContext, toSubmission } from "./submission.js";

/**
 * The hub ends a call this much before its gRPC deadline, in milliseconds: at
 * the deadline itself the caller's library and grpc-js end it with a bare
 * status, and why it ended, and whether it ran, would be lost.
 */
const DEADLINE_MARGIN_MS = 5;

/** Makes the handler of `HubService.Request`. Its messages stay encoded. */
export function requestHandler(
  engine: Engine,
  context: SubmissionContext,
  forwardMetadata: readonly string[],
): (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void {
  return (call, callback) => {
    let submission: Submission;
    try {
      const metadata = pick(call.metadata, forwardMetadata);
      submission = toSubmission(
        read(call.request),
        metadata,
        timeoutOf(call),
        engine.now(),
        context,
      );
    } catch (error) {
      return callback(toStatus(asGibbsError(error)));
    }
    const request = engine.submit(submission, (outcome) => answer(outcome, submission, callback));
    call.on("cancelled", () => engine.tell((core, now) => core.cancel(request, now)));
  };
}

function read(encoded: Buffer): ReturnType<typeof readRequest> {
  try {
    return readRequest(encoded);
  } catch (error) {
    throw new GibbsError("INVALID_ARGUMENT", `not a RequestRequest: ${messageOf(error)}`, {
      reason: "MALFORMED",
      execution: "NOT_STARTED",
    });
  }
}

function timeoutOf(call: ServerUnaryCall<Buffer, Buffer>): number | undefined {
  const left = msUntil(call.getDeadline());
  if (left === Number.POSITIVE_INFINITY) return undefined;
  return left - Math.min(DEADLINE_MARGIN_MS, left / 10);
}

function pick(metadata: Metadata, keys: readonly string[]): MetadataPair[] {
  return keys.flatMap((key) =>
    metadata.get(key).map((value) => ({ key, value: Buffer.from(value as string) })),
  );
}

function answer(
  outcome: Outcome,
  { requestId }: Submission,
  callback: sendUnaryData<Buffer>,
): void {
  if (outcome.kind === "failure") return callback(toStatus(outcome.error));
  const { workerId, attempts, queueTimeMs, runTimeMs } = outcome.info;
  const times = { queueTime: toDuration(queueTimeMs), runTime: toDuration(runTimeMs) };
  let response: Buffer;
  try {
    response = writeResponse(outcome.payload, { requestId, workerId, attempts, ...times });
  } catch (error) {
    return callback(toStatus(malformedResult(error, requestId, attempts)));
  }
  callback(null, response);
}

/** A worker answered with what is no payload. */
export function malformedResult(cause: unknown, requestId: string, attempts: number): GibbsError {
  const message = `the worker's answer is no payload: ${messageOf(cause)}`;
  const details = { reason: "RESULT_MALFORMED", requestId, attempts, cause } as const;
  return new GibbsError("INTERNAL", message, { ...details, execution: "FINISHED" });
}

function asGibbsError(error: unknown): GibbsError {
  if (error instanceof GibbsError) return error;
  return new GibbsError("INTERNAL", messageOf(error), { reason: "INTERNAL", cause: error });
}
