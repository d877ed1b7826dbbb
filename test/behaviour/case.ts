import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Code, Execution } from "../../src/base/errors/error.js";
import type { HubOptions } from "../../src/hub/options.js";
import { root } from "../support/root.js";

/** The folder of the cases: each file is a list. How to add one: test/behaviour/README.md. */
const folder = join(root, "test/behaviour/cases");

/** Who calls: an SDK, with one of its transports or clients. */
export const callers = [
  "typescript-multiplex",
  "typescript-unary",
  "typescript-hub",
  "python-async",
  "python-sync",
  "python-unary",
  "go-multiplex",
  "go-unary",
] as const;

export type CallerName = (typeof callers)[number];

/**
 * Data as the cases write it: JSON, bytes in hexadecimal, `bytesOf` zeros, `textOf` letters x, or
 * something that no SDK can send.
 */
export type Data =
  | { json: unknown }
  | { hex: string }
  | { bytesOf: number }
  | { textOf: number }
  | { unsendable: Unsendable };

/** A number that JSON does not have, bytes in a list, lists in lists beyond every limit. */
export type Unsendable = "nan" | "infinity" | "big integer" | "nested bytes" | "too deep";

/** What a handler does with a job. Every SDK's worker can play it. */
export type Act =
  | "echo"
  /** Answers with the number of the attempt. */
  | "attempt"
  /** Answers with the metadata `tenant`, `secret` and `blob-bin` (in hexadecimal), or null. */
  | "metadata"
  /** Runs until it is cancelled. */
  | "hang"
  | { answer: Data }
  | { throw: string | { textOf: number } }
  | { fail: Failing }
  /** Does that once the stage says `release`, cancelled or not. */
  | { hold: Act };

/** An error that a handler declares. */
export interface Failing {
  code: Code;
  message: string;
  retryAfterMs?: number;
  details?: readonly { typeUrl: string; hex: string }[];
}

/** What only the scripted worker does, event by event. */
export type WireAct =
  | "no payload"
  | "not a payload"
  | "cannot decode"
  /** Breaks its stream. */
  | "break"
  /** Its process kills itself with SIGKILL. */
  | "kill"
  /** Sends `drain`, and runs no job that comes after it. */
  | { drain: Act }
  | { nack: "NOT_STARTED" | "UNKNOWN" };

/** A worker: what it does with its first job, its second and so on; the last stays. */
export interface WorkerScript {
  /** Default: the default method. */
  method?: string;
  acts: readonly (Act | WireAct)[];
  /** Default 16. */
  slots?: number;
  /** Whether it declares its method idempotent. Default false. */
  idempotent?: boolean;
  /** The largest message that it takes, in bytes. Default 4 MiB. Scripted only. */
  maxReceiveBytes?: number;
  /** Whether it starts only when the stage says `start-worker`. Default false. */
  late?: boolean;
}

/** A request: its input, and options with the names and units of TypeScript. */
export interface Sending {
  input: Data;
  method?: string;
  timeoutMs?: number;
  queueTimeoutMs?: number;
  runTimeoutMs?: number;
  idempotent?: boolean;
  maxAttempts?: number;
  requestId?: string;
  metadata?: Readonly<Record<string, string | { textOf: number } | { hex: string }>>;
}

/** What a caller, or the stage on its behalf, does next. */
export type Step =
  /** Sends a request without waiting for its outcome. */
  | ({ send: string } & Sending)
  /** Cancels it. */
  | { cancel: string }
  /** Sends a request that was cancelled before. */
  | ({ sendCancelled: string } & Sending)
  /** Waits for its outcome. */
  | { settle: string }
  | { close: true }
  /**
   * Runs `map`, and reads all answers, or `take` of them before it leaves the loop. Its other
   * options are those of a request.
   */
  | ({ map: string; inputs: Inputs; take?: number } & MapHow)
  /** The stage waits until its workers have had that many jobs, or cancels of jobs. */
  | { stage: "taken" | "cancelled"; count: number }
  | {
      stage:
        | "release"
        /** Starts the workers that are `late`. */
        | "start-worker"
        /** Waits until every worker that kills itself is dead. */
        | "killed"
        | "drain-hub"
        | "close-hub"
        /** Drains the hub; then another one, with the same workers, listens at its address. */
        | "restart-hub"
        /** Resets the caller's connections. */
        | "cut"
        /** Nothing more arrives on the caller's connections. */
        | "hole";
    };

/** Several values, or the numbers from 0 below that. */
export type Inputs = readonly Data[] | { below: number };

/** The options of `map`. */
export interface MapHow extends Omit<Sending, "input" | "requestId"> {
  concurrency?: number;
  ordered?: boolean;
}

/** What must have become of a request: every field that it has. A list names alternatives. */
export interface Told {
  answer?: Data;
  /** The answers of a `map`; `sorted` if their order does not matter. */
  answers?: Inputs;
  sorted?: boolean;
  /** How many answers a `map` yielded before it ended. */
  yielded?: number;
  code?: OneOrMore<Code>;
  reason?: OneOrMore<string>;
  execution?: OneOrMore<Execution>;
  attempts?: number;
  requestId?: string;
  workerId?: string;
  /** A part of the message. */
  message?: string;
  /** The maximum size of the message, in bytes of UTF-8. */
  maxMessageBytes?: number;
  /** Whether there is a hint when to retry, or the hint itself, in milliseconds. */
  retryAfterMs?: boolean | number;
  details?: readonly { typeUrl: string; hex: string }[];
  /** Whether the class of the handler's error is known. */
  hasRemoteType?: boolean;
  /** Whether it is known how long the request waited and ran. */
  hasTimes?: boolean;
}

type OneOrMore<T> = T | readonly T[];

/** One case. */
export interface Case {
  /** Unique. */
  name: string;
  hub?: Omit<HubOptions, "logger" | "clock" | "random" | "listen">;
  /** Who is at the address instead of a hub. */
  instead?: "nobody" | "another server";
  client?: { connectTimeoutMs?: number; timeoutMs?: number; maxPayloadBytes?: number };
  workers?: readonly WorkerScript[];
  steps: readonly Step[];
  told: Readonly<Record<string, Told>>;
  /** The number of jobs that all workers have had at the end. */
  jobs?: number;
  /** Callers that cannot do it, each with the reason. */
  cannot?: Readonly<Partial<Record<CallerName, string>>>;
}

/** All cases. Those that wait longest are in the last files and come first, beside the others. */
export function readCases(): Case[] {
  const files = readdirSync(folder).sort().reverse();
  return files.flatMap(
    (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as readonly Case[],
  );
}

/** Whether every SDK's worker can play the workers of a case. */
export function isForAnyWorker({ workers = [], steps }: Case): boolean {
  const isPlain = (act: Act | WireAct): boolean =>
    typeof act === "string"
      ? ["echo", "attempt", "metadata", "hang"].includes(act)
      : !("drain" in act || "nack" in act);
  return (
    workers.some(({ acts }) => acts.length > 0) &&
    workers.every((one) => one.acts.every(isPlain) && one.maxReceiveBytes === undefined) &&
    steps.every((step) => !("stage" in step) || step.stage !== "restart-hub")
  );
}
