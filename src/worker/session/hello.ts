import { fixed } from "../../base/options/limits.js";
import { SDK } from "../../base/version.js";
import { HeartbeatMode, Idempotency, type WorkerEventInit } from "../../wire/messages/work.js";
import type { Executor, ServedMethod } from "../executor.js";
import type { WorkerSettings } from "../options.js";

/** A worker's identity. */
export interface WorkerIdentity {
  /** A human-readable label. */
  workerId: string;
  /** 16 random bytes: new ones for a connection that must not supersede one that is open. */
  instanceId: Uint8Array;
}

/** Builds a worker's first event on a stream. The executor must have started. */
export function buildHello(
  { workerId, instanceId }: WorkerIdentity,
  { name, version, labels, maxPayloadBytes }: WorkerSettings,
  executor: Executor,
): WorkerEventInit {
  return {
    case: "hello",
    value: {
      workerId,
      instanceId,
      name,
      version,
      sdk: SDK,
      methods: executor.methods.map(toWireMethod),
      labels: { ...labels },
      heartbeatMode: executor.beatsWhileBusy ? HeartbeatMode.ALWAYS : HeartbeatMode.WHEN_IDLE,
      maxReceiveBytes: maxPayloadBytes + fixed.envelopeBytes,
    },
  };
}

function toWireMethod({ name, idempotent }: ServedMethod): {
  name: string;
  idempotency: Idempotency;
} {
  if (idempotent === undefined) return { name, idempotency: Idempotency.UNSPECIFIED };
  return { name, idempotency: idempotent ? Idempotency.IDEMPOTENT : Idempotency.NOT_IDEMPOTENT };
}
