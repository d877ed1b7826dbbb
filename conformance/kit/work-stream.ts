import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { asBuffer, asPlainBytes } from "#base/bytes.js";
import type { Clock } from "#base/clock.js";
import { type GibbsError, messageOf } from "#base/errors/error.js";
import { toStatus } from "#wire/grpc/status.js";
import { WorkRequestSchema, type WorkResponse, WorkResponseSchema } from "#wire/index.js";
import type { HubEventInit, WorkerEvent } from "#wire/messages/work.js";
import { describeEvent, type Journal } from "./journal.js";

/** An event from the worker, as `case` and `value`. */
export type ReceivedEvent = WorkerEvent["event"];

/**
 * What became of a stream:
 *
 * | from | by | to |
 * |---|---|---|
 * | open | the hub ends it | ended |
 * | open | the worker half-closes | half-closed |
 * | open, half-closed | the worker or its connection goes away | lost |
 * | any | a message that does not decode | broken |
 */
export type StreamState = "open" | "ended" | "half-closed" | "lost" | "broken";

/** The hub's end of one `Work` stream: sends and records events, but does not check them. */
export class WorkStream {
  /** The events that the worker has sent so far, in order. */
  readonly received: ReceivedEvent[] = [];
  /** The time at which it was opened, on the kit's clock, in milliseconds. */
  readonly openedAt: number;
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #journal: Journal;
  readonly #changed: () => void;
  #state: StreamState = "open";

  constructor(
    call: ServerDuplexStream<Buffer, Buffer>,
    clock: Clock,
    journal: Journal,
    changed: () => void,
  ) {
    this.openedAt = clock.now();
    this.#call = call;
    this.#journal = journal;
    this.#changed = changed;
    journal.record("worker", "opens a stream");
    call.on("data", (encoded: Buffer) => this.#receive(encoded));
    // When a connection dies, its stream first looks half-closed.
    call.on("end", () => clock.afterInput(() => this.#leave("half-closed")));
    const lost = (): void => this.#leave("lost");
    call.on("cancelled", lost);
    call.on("close", lost);
    call.on("error", lost);
  }

  get state(): StreamState {
    return this.#state;
  }

  /** Sends events in one message. */
  send(...events: HubEventInit[]): void {
    for (const event of events) this.#journal.record("hub", describeEvent(event));
    if (events.length > 1) this.#journal.record("hub", `(these ${events.length} in one message)`);
    this.#write(create(WorkResponseSchema, { events: events.map((event) => ({ event })) }));
  }

  /**
   * Sends a hand-built message, such as one with unknown fields; `what` describes it in the
   * journal.
   */
  sendMessage(message: WorkResponse, what: string): void {
    this.#journal.record("hub", what);
    this.#write(message);
  }

  /** Ends the stream with OK, or with the status of `error`. */
  end(error?: GibbsError): void {
    if (this.#state === "open") this.#state = "ended";
    if (error === undefined) {
      this.#journal.record("hub", "ends the stream with OK");
      this.#call.end();
    } else {
      const reason = error.reason === "" ? "" : ` / ${error.reason}`;
      this.#journal.record("hub", `ends the stream with ${error.code}${reason}`);
      this.#call.emit("error", toStatus(error));
    }
  }

  #write(message: WorkResponse): void {
    this.#call.write(asBuffer(toBinary(WorkResponseSchema, message)));
  }

  #receive(encoded: Buffer): void {
    try {
      for (const { event } of fromBinary(WorkRequestSchema, asPlainBytes(encoded)).events) {
        this.received.push(event);
        this.#journal.record("worker", describeEvent(event));
      }
    } catch (error) {
      this.#state = "broken";
      this.#journal.record(
        "worker",
        `${encoded.length} bytes that do not decode: ${messageOf(error)}`,
      );
    }
    this.#changed();
  }

  #leave(how: "half-closed" | "lost"): void {
    const changes = this.#state === "open" || (this.#state === "half-closed" && how === "lost");
    if (changes) {
      this.#state = how;
      const what = how === "lost" ? "the stream is gone" : "half-closes the stream";
      this.#journal.record(how === "lost" ? "kit" : "worker", what);
    }
    this.#changed();
  }
}
