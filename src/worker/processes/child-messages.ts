import type { JobInput, JobOutcome, ServedMethod } from "../executor.js";

/** The settings that a worker process starts with. */
export interface ChildSettings {
  /** The `file:` URL of the module whose default export is the handler. */
  moduleUrl: string;
  method: string;
  args: readonly unknown[];
  idempotent: boolean | undefined;
  maxPayloadBytes: number;
  sendStacks: boolean;
}

/** From the agent to a worker process. */
export type ToChild =
  | { kind: "start"; settings: ChildSettings; token: string }
  | { kind: "job"; job: JobInput }
  | { kind: "cancel"; reason: string };

/** From a worker process to the agent. The token is the one in the start message. */
export type FromChild = { token: string } & (
  | { kind: "up"; methods: ServedMethod[] }
  | { kind: "failed"; message: string; stack: string }
  | { kind: "outcome"; outcome: JobOutcome }
);
