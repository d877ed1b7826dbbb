import { KiB, MiB, SECOND } from "./units.js";

/** What hub, workers and clients hold each other to, and nobody can set. docs/protocol.md says so, too. */
export const fixed: {
  readonly envelopeBytes: number;
  readonly maxNameLength: number;
  readonly maxLabels: number;
  readonly maxMethods: number;
  readonly maxMetadataBytes: number;
  readonly defaultAttempts: number;
  readonly maxAttempts: number;
} = {
  /** What a message may hold beside one payload: the transport's limit is both together. */
  envelopeBytes: 256 * KiB,
  /** Characters of a method, a worker id, a request id, a label. */
  maxNameLength: 256,
  /** Labels of a worker. */
  maxLabels: 64,
  /** Methods of a worker. */
  maxMethods: 256,
  /** Bytes of the caller's metadata that reach a worker. */
  maxMetadataBytes: 8 * KiB,
  /** Attempts of an idempotent request whose caller does not say. */
  defaultAttempts: 3,
  /** Attempts that a caller may ask for. */
  maxAttempts: 10,
};

/** What a hub's `welcome` says unless the hub is set otherwise. Times in milliseconds, sizes in bytes. */
export const welcomeDefaults: {
  readonly maxPayloadBytes: number;
  readonly maxSlots: number;
  readonly heartbeatIntervalMs: number;
  readonly livenessTimeoutMs: number;
  readonly hubTimeoutMs: number;
  readonly cancelGraceMs: number;
} = {
  maxPayloadBytes: 4 * MiB,
  maxSlots: 1024,
  heartbeatIntervalMs: 2 * SECOND,
  livenessTimeoutMs: 10 * SECOND,
  hubTimeoutMs: 30 * SECOND,
  cancelGraceMs: 30 * SECOND,
};
