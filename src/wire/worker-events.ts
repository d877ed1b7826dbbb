import { fromBinary } from "@bufbuild/protobuf";
import {
  type HubEvent,
  type WorkerEvent,
  WorkRequestSchema,
  WorkResponseSchema,
} from "../gen/gibbs/v1/worker_pb.js";

export {
  Execution as WireExecution,
  type Failure,
  HeartbeatMode,
  type Hello,
  type HubEvent,
  Idempotency,
  type Job,
  type Nack,
  type Result,
  type Welcome,
  type WorkerEvent,
  WorkerService,
} from "../gen/gibbs/v1/worker_pb.js";

/**
 * The events of an encoded `gibbs.v1.WorkRequest`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeWorkRequest(encoded: Uint8Array): WorkerEvent[] {
  return fromBinary(WorkRequestSchema, encoded).events;
}

/**
 * The events of an encoded `gibbs.v1.WorkResponse`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeWorkResponse(encoded: Uint8Array): HubEvent[] {
  return fromBinary(WorkResponseSchema, encoded).events;
}
