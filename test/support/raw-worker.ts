import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  type StatusObject,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import type { GibbsError } from "../../src/base/errors/error.js";
import { DETAILS_KEY, fromStatus } from "../../src/wire/grpc/status.js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  type HubEvent,
  type WorkerEventInit,
} from "../../src/wire/messages/work.js";
import { encodePayload } from "../../src/wire/payload/payload.js";

/** An event of the hub, as `case` and `value`. */
export type Heard = HubEvent["event"];

type Kind = NonNullable<Heard["case"]>;
type ValueOf<C extends Kind> = Extract<Heard, { case: C }>["value"];

/** A worker scripted by a test, event by event, over a real connection. */
export class RawWorker {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #heard: Heard[] = [];
  #taken = 0;
  #wake: () => void = () => {};
  /** The status that the stream ended with. */
  readonly ended: Promise<StatusObject>;

  constructor(address: string, options: ChannelOptions = {}) {
    const client = new Client(address, credentials.createInsecure(), options);
    const pass = (bytes: Buffer): Buffer => bytes;
    this.#stream = client.makeBidiStreamRequest("/gibbs.v1.WorkerService/Work", pass, pass);
    this.#stream.on("data", (bytes: Buffer) => {
      this.#heard.push(...decodeWorkResponse(bytes).map(({ event }) => event));
      this.#wake();
    });
    this.#stream.on("error", () => {});
    this.#stream.on("end", () => this.#stream.end());
    this.ended = new Promise((resolve) => this.#stream.on("status", resolve));
    onTestFinished(() => {
      this.#stream.cancel();
      client.close();
    });
  }

  send(...events: WorkerEventInit[]): void {
    for (const message of encodeWorkerEvents(events)) this.#stream.write(message);
  }

  /** Sends raw bytes. */
  sendRaw(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  /** Half-closes, which a worker must not do before the hub has ended the stream. */
  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  /** Why the hub ended the stream: its status, with the reason. */
  async whyEnded(): Promise<GibbsError> {
    const { code, details, metadata } = await this.ended;
    return fromStatus(code, details, metadata.get(DETAILS_KEY)[0]);
  }

  /** How many events of that kind have arrived in total. */
  count(kind: Kind): number {
    return this.#heard.filter((event) => event.case === kind).length;
  }

  /** The next event of that kind; earlier ones are skipped. */
  async hear<C extends Kind>(kind: C): Promise<ValueOf<C>> {
    for (;;) {
      const event = await this.next();
      if (event.case === kind) return event.value as unknown as ValueOf<C>;
    }
  }

  /** The next event of any kind. */
  async next(): Promise<Heard> {
    while (this.#taken >= this.#heard.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#taken += 1;
    return this.#heard[this.#taken - 1] as Heard;
  }
}

/** The minimum that a worker must say first. */
export function hello(fields: object = {}): WorkerEventInit {
  return { case: "hello", value: { workerId: "raw", heartbeatMode: 1, ...fields } };
}

export const ready: WorkerEventInit = { case: "ready", value: { slots: 1 } };

/** The answer to a job. */
export function answer(jobId: number, value: unknown): WorkerEventInit {
  return {
    case: "result",
    value: { jobId, outcome: { case: "payload", value: encodePayload(value) } },
  };
}
