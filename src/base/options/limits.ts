import { KiB, MiB, SECOND } from "./units.js";

/**
 * Limits that hub, workers and clients all apply and that cannot be configured. Also listed in
 * docs/protocol.md.
 */
export const fixed: {
  readonly envelopeBytes: number;
  readonly maxNameLength: number;
  readonly maxLabels: number;
  readonly maxMethods: number;
  readonly maxMetadataBytes: number;
  readonly defaultAttempts: number;
  readonly maxAttempts: number;
} = {
  /** Room in a message for everything but one payload; the transport's limit is the sum of both. */
  envelopeBytes: 256 * KiB,
  /** Maximum length of a method, worker id, request id or label, in characters. */
  maxNameLength: 256,
  /** Labels per worker. */
  maxLabels: 64,
  /** Methods per worker. */
  maxMethods: 256,
  /** Bytes of caller metadata that may reach a worker. */
  maxMetadataBytes: 8 * KiB,
  /** Attempts of an idempotent request if its caller does not set `maxAttempts`. */
  defaultAttempts: 3,
  /** The highest `maxAttempts` that a caller may set. */
  maxAttempts: 10,
};

/**
 * What a hub's `welcome` announces unless the hub is configured otherwise. Times in milliseconds,
 * sizes in bytes.
 */
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
