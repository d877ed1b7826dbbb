import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { asBuffer, asPlainBytes } from "../base/bytes.js";
import type { Clock } from "../base/clock.js";
import { type GibbsError, messageOf } from "../base/error.js";
import { WorkRequestSchema, type WorkResponse, WorkResponseSchema } from "../wire/index.js";
import { toStatus } from "../wire/status.js";
import type { HubEventInit, WorkerEvent } from "../wire/worker-events.js";
import { describeEvent, type Journal } from "./journal.js";

/** An event of the worker, as `case` and `value`. */
export type Heard = WorkerEvent["event"];

/**
 * How far a stream has come: `ended` by the hub; `half-closed` or `lost` by the
 * worker before that; `broken` by a message that does not decode.
 */
export type StreamState = "open" | "ended" | "half-closed" | "lost" | "broken";

/** The hub's end of one `Work` stream: writes what it is told to, judges nothing. */
export class WorkStream {
  /** What the worker has said so far. */
  readonly heard: Heard[] = [];
  /** When it was opened, by the kit's clock. */
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
    journal.note("worker", "opens a stream");
    call.on("data", (encoded: Buffer) => this.#receive(encoded));
    // A dying connection looks the same at first.
    call.on("end", () => clock.afterInput(() => this.#leave("half-closed")));
    const lost = (): void => this.#leave("lost");
    call.on("cancelled", lost);
    call.on("close", lost);
    call.on("error", lost);
  }

  get state(): StreamState {
    return this.#state;
  }

  /** Sends events, all in one message. */
  send(...events: HubEventInit[]): void {
    for (const event of events) this.#journal.note("hub", describeEvent(event));
    if (events.length > 1) this.#journal.note("hub", `(these ${events.length} in one message)`);
    this.#write(create(WorkResponseSchema, { events: events.map((event) => ({ event })) }));
  }

  /** Sends a message that was built by hand, such as one with unknown fields. */
  sendMessage(message: WorkResponse, what: string): void {
    this.#journal.note("hub", what);
    this.#write(message);
  }

  /** Ends the stream with OK, or with a status. */
  end(error?: GibbsError): void {
    if (this.#state === "open") this.#state = "ended";
    if (error === undefined) {
      this.#journal.note("hub", "ends the stream with OK");
      this.#call.end();
    } else {
      const reason = error.reason === "" ? "" : ` / ${error.reason}`;
      this.#journal.note("hub", `ends the stream with ${error.code}${reason}`);
      this.#call.emit("error", toStatus(error));
    }
  }

  #write(message: WorkResponse): void {
    this.#call.write(asBuffer(toBinary(WorkResponseSchema, message)));
  }

  #receive(encoded: Buffer): void {
    try {
      for (const { event } of fromBinary(WorkRequestSchema, asPlainBytes(encoded)).events) {
        this.heard.push(event);
        this.#journal.note("worker", describeEvent(event));
      }
    } catch (error) {
      this.#state = "broken";
      this.#journal.note(
        "worker",
        `${encoded.length} bytes that are no message: ${messageOf(error)}`,
      );
    }
    this.#changed();
  }

  #leave(how: "half-closed" | "lost"): void {
    const isNews = this.#state === "open" || (this.#state === "half-closed" && how === "lost");
    if (isNews) {
      this.#state = how;
      const what = how === "lost" ? "the stream is gone" : "half-closes the stream";
      this.#journal.note(how === "lost" ? "kit" : "worker", what);
    }
    this.#changed();
  }
}
