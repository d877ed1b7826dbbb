import type { StatusObject } from "@grpc/grpc-js";
import type { GibbsError } from "../../../src/base/errors/error.js";
import type { RequestOptions } from "../../../src/base/options/common-options.js";
import type { IncomingResponse } from "../../../src/client/transport.js";
import type { HubItem } from "../../../src/wire/messages/multiplex.js";
import { encodePayload } from "../../../src/wire/payload/payload.js";
import type { Input } from "../actors/wish.js";

/** What a client's caller was told. */
export type AskedTold =
  | { kind: "answer"; answer: IncomingResponse }
  | { kind: "failure"; error: GibbsError };

/** A client's Multiplex stream as seen by the client. */
export interface OwnStream {
  readonly number: number;
  settings: { maxPayloadBytes: number; maxOpenCalls: number } | undefined;
  /** Calls that were written and have no terminal item yet, by id. */
  readonly open: Map<number, Send>;
  /** When its socket became full. */
  fullSince: number | undefined;
  isOver: boolean;
}

/** One send of a request. */
export interface Send {
  readonly asked: Asked;
  readonly stream: OwnStream;
  /** The terminal item of this send. */
  heard: HubItem["item"] | undefined;
  /** How its stream ended, if it did so before that item arrived. */
  brokenBy: StatusObject | "OK" | undefined;
  isCancelled: boolean;
}

/** The oracle's record of a client's request, which may be sent more than once. */
export class Asked {
  readonly payload: Uint8Array;
  readonly sends: Send[] = [];
  told: AskedTold | undefined;
  /** Whether the answer is no longer wanted, because its client was killed. */
  isDropped = false;
  /** Whether its caller cancelled it. */
  isCancelled = false;
  /** How many handlers began and finished it, across all sends. */
  begun = 0;
  finished = 0;
  /** What its handlers returned, as JSON. */
  readonly returned = new Set<string>();

  constructor(
    readonly number: number,
    readonly input: Input,
    readonly options: RequestOptions,
    readonly askedAt: number,
    readonly until: number,
  ) {
    this.payload = encodePayload(input);
  }

  get isOpen(): boolean {
    return this.told === undefined && !this.isDropped;
  }

  get last(): Send | undefined {
    return this.sends.at(-1);
  }

  /** How many of its sends may have run, as far as the client knows. */
  get lost(): number {
    return this.sends.filter(mayHaveRun).length;
  }

  /** The maximum number of runs that it may cause. */
  get mostRuns(): number {
    const { idempotent, maxAttempts = 3 } = this.options;
    if (idempotent === false) return 1;
    return idempotent ? maxAttempts * maxAttempts : maxAttempts;
  }

  toString(): string {
    const { method = "", idempotent } = this.options;
    const state = this.told?.kind ?? (this.isDropped ? "dropped" : "open");
    return `m${this.number} (method "${method}", idempotent ${idempotent}, ${state}, ${this.sends.length} sends)`;
  }
}

/** If a status was not the final word, it was a NOT_STARTED. */
function mayHaveRun({ heard }: Send): boolean {
  return heard?.case !== "status";
}
