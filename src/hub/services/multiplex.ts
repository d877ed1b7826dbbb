import type { KeptBytes } from "../../base/bytes.js";
import { Bag } from "../../base/containers/bag.js";
import { IdMap } from "../../base/containers/id-map.js";
import { type GibbsError, messageOf } from "../../base/errors/error.js";
import { draining, violation } from "../../base/errors/failures.js";
import { gibbsError } from "../../base/errors/reasons.js";
import { toStatus, toStatusFields } from "../../wire/grpc/status.js";
import {
  type Call,
  type ClientItem,
  decodeClientItems,
  encodeHubItems,
  type HubItemInit,
} from "../../wire/messages/multiplex.js";
import { type Caller, NO_METADATA, type Outcome, type Ticket } from "../core/requests/request.js";
import type { UnreadResponse } from "../core/requests/unread.js";
import type { Engine, Outlet } from "../engine.js";
import type { HubSettings } from "../options.js";
import {
  type CallHandler,
  type CallListener,
  refused,
  type ServerCall,
} from "../transport/server-call.js";
import type { ClientStream, ClientStreams } from "./client-streams.js";
import { asGibbsError, type SubmissionContext, toSubmission } from "./submission.js";

/** What the Multiplex streams of one hub share. */
export interface MultiplexContext {
  engine: Engine;
  submissions: SubmissionContext;
  limits: Pick<HubSettings, "maxPayloadBytes" | "maxOpenCalls">;
  /** The metadata keys that may reach workers. */
  forwardMetadata: readonly string[];
  /** The open streams. */
  streams: ClientStreams;
  isDraining(): boolean;
}

/** The handler of `HubService.Multiplex`. */
export function multiplexHandler(context: MultiplexContext): CallHandler {
  return (call) => {
    if (!context.isDraining()) return new MultiplexStream(call, context);
    call.end(toStatus(draining("NOT_STARTED")));
    return refused;
  };
}

/** One client's `Multiplex` stream: many calls, each with exactly one response or status. */
class MultiplexStream implements Outlet, ClientStream, CallListener, Caller {
  readonly #call: ServerCall;
  readonly #context: MultiplexContext;
  /** The calls that have no outcome yet. */
  readonly #open = new IdMap<Ticket>();
  bagIndex = -1;
  /** Messages written that the client has not read yet. */
  readonly #unread = new Bag<UnreadResponse>();
  #outbox: HubItemInit[] = [];
  /** How many calls of the current message were refused because too many were open. */
  #refused = 0;
  #state: "open" | "half-closed" | "ended" = "open";

  constructor(call: ServerCall, context: MultiplexContext) {
    this.#call = call;
    this.#context = context;
    context.streams.add(this);
    const { maxPayloadBytes, maxOpenCalls } = context.limits;
    this.#push({ id: 0, item: { case: "settings", value: { maxPayloadBytes, maxOpenCalls } } });
  }

  onHalfClose(): void {
    if (this.#state === "open") this.#state = "half-closed";
    this.#context.engine.writeLater(this);
  }

  onDrain(): void {
    this.#call.resume();
  }

  drain(): void {
    this.#push({ id: 0, item: { case: "drain", value: {} } });
  }

  close(): void {
    this.flush();
    this.#end(undefined);
  }

  flush(): void {
    if (this.#state === "ended") return;
    const items = this.#outbox;
    this.#outbox = [];
    for (const message of encodeHubItems(items)) this.#write(message);
    if (this.#state === "half-closed" && this.#open.size === 0) this.#end(undefined);
  }

  #push(item: HubItemInit): void {
    this.#outbox.push(item);
    this.#context.engine.writeLater(this);
  }

  #write(message: Buffer): void {
    const { engine } = this.#context;
    const response = engine.sending(this, message.length, () => this.#end(slowReader()));
    this.#unread.add(response);
    const isFull = !this.#call.write(message, () => {
      engine.sent(response);
      this.#unread.delete(response);
    });
    // Read nothing more from a client that does not read its answers.
    if (isFull) this.#call.pause();
  }

  onMessage(encoded: Buffer): void {
    if (this.#state === "ended") return;
    let items: ClientItem[];
    try {
      items = decodeClientItems(encoded);
    } catch (error) {
      return this.#end(violation(`not a MultiplexRequest: ${messageOf(error)}`));
    }
    this.#refused = 0;
    for (const item of items) {
      this.#apply(item);
      // More refusals would cost the hub more than they cost the sender.
      if (this.#refused <= this.#context.limits.maxOpenCalls) continue;
      return this.#end(violation("one message with more calls than may be open"));
    }
  }

  #apply({ id, item }: ClientItem): void {
    switch (item.case) {
      case "call":
        if (id === 0) return this.#end(violation("a call without an id"));
        // The client could mistake the other call's answer for this one's.
        if (this.#open.has(id)) return this.#end(violation(`a second open call ${id}`));
        return this.#begin(id, item.value);
      case "cancel": {
        const ticket = this.#open.get(id);
        if (ticket !== undefined) this.#context.engine.cancel(ticket);
        return;
      }
      case undefined:
        return;
    }
  }

  #begin(id: number, call: Call<KeptBytes>): void {
    const { engine, submissions, limits, forwardMetadata } = this.#context;
    if (this.#state === "ended") return;
    try {
      if (this.#open.size >= limits.maxOpenCalls) {
        this.#refused += 1;
        throw tooManyCalls(limits.maxOpenCalls);
      }
      const metadata =
        call.metadata.length === 0
          ? NO_METADATA
          : call.metadata.filter(({ key }) => forwardMetadata.includes(key));
      const submission = toSubmission(call, metadata, call.timeoutMs, this, submissions);
      this.#open.set(id, engine.submit(submission, this, id));
    } catch (error) {
      this.#push({ id, item: { case: "status", value: toStatusFields(asGibbsError(error)) } });
    }
  }

  settled(id: number, requestId: string, outcome: Outcome): void {
    this.#open.delete(id);
    if (this.#state === "ended") return;
    if (outcome.kind === "failure") {
      return this.#push({ id, item: { case: "status", value: toStatusFields(outcome.error) } });
    }
    const { payload, info } = outcome;
    this.#push({ id, item: { case: "response", value: { payload, requestId, ...info } } });
  }

  #end(error: GibbsError | undefined): void {
    if (this.#state === "ended") return;
    const isStuck = error?.reason === "SLOW_READER";
    this.onClose();
    if (isStuck) this.#call.abandon();
    else this.#call.end(error && toStatus(error));
  }

  /** The client has gone: no more answers can be delivered. */
  onClose(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#outbox = [];
    const { engine, streams } = this.#context;
    streams.delete(this);
    for (const response of this.#unread.takeAll()) engine.sent(response);
    for (const ticket of this.#open.values()) engine.cancel(ticket);
    this.#open.clear();
  }
}

function slowReader(): GibbsError {
  return gibbsError("SLOW_READER", "the client did not read its answers");
}

function tooManyCalls(maxOpenCalls: number): GibbsError {
  const message = `this stream has ${maxOpenCalls} open calls already`;
  return gibbsError("TOO_MANY_CALLS", message, { execution: "NOT_STARTED" });
}
