import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { delay, systemClock } from "../../../src/base/clock.js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  type Job,
  WireExecution,
  type WorkerEventInit,
} from "../../../src/wire/messages/work.js";
import { decodePayload, encodePayload } from "../../../src/wire/payload/payload.js";
import { Journal } from "../journal.js";
import { recording } from "../recording.js";
import { between } from "../seeded.js";
import type { Task } from "../task.js";
import { leaveParent, liveAsLongAsParent } from "./lifetime.js";
import { type RawSettings, settings } from "./settings.js";

/**
 * A worker that does not use the library and does whatever the protocol allows or the hub must
 * tolerate: it gives jobs back, loses what it has run, sends results twice, and answers jobs it
 * does not have.
 */

const GIVEN_BACK = 0.1;
const LOST = 0.02;
const SAID_TWICE = 0.2;
const PAUSE_MS = [100, 1000] as const;
const ready: WorkerEventInit = { case: "ready", value: { slots: 1 } };

const { journals, host, hub, slots } = settings<RawSettings>();
const handle = recording(
  new Journal(journals, host),
  { worker: host, host, slots },
  (workMs, signal) => delay(systemClock, workMs, signal),
);

/** One stream to the hub, from its hello to its end. */
class Session {
  readonly #client = new Client(hub, credentials.createInsecure());
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #running = new Map<number, AbortController>();
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;

  constructor() {
    const pass = (bytes: Buffer): Buffer => bytes;
    this.#stream = this.#client.makeBidiStreamRequest("/gibbs.v1.WorkerService/Work", pass, pass);
    this.#stream.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#stream.on("end", () => this.#stream.end());
    this.#stream.on("error", () => {});
    this.ended = new Promise((resolve) => this.#stream.once("status", () => resolve()));
    void this.ended.then(() => {
      for (const abort of this.#running.values()) abort.abort();
      this.#client.close();
    });
    const hello: WorkerEventInit = { case: "hello", value: { workerId: host, heartbeatMode: 1 } };
    this.#send(hello, { case: "ready", value: { slots } });
  }

  drain(): void {
    this.#send({ case: "drain", value: {} });
  }

  #receive(bytes: Buffer): void {
    for (const { event } of decodeWorkResponse(bytes)) {
      if (event.case === "heartbeat") this.#send({ case: "heartbeat", value: {} });
      if (event.case === "cancel") this.#running.get(event.value.jobId)?.abort();
      if (event.case === "welcome") process.send?.({ kind: "ready" });
      if (event.case === "job") void this.#run(event.value);
    }
  }

  async #run(job: Job): Promise<void> {
    const { jobId, attempt, requestId } = job;
    if (Math.random() < GIVEN_BACK) {
      const execution = WireExecution.NOT_STARTED;
      return this.#send({ case: "nack", value: { jobId, execution } }, ready);
    }
    const abort = new AbortController();
    this.#running.set(jobId, abort);
    const task = decodePayload(job.payload) as unknown as Task;
    const context = { attempt, requestId, metadata: {}, timeoutMs: undefined };
    const outcome = await handle(task, { ...context, signal: abort.signal }).then(
      (answer) => ({ case: "payload" as const, value: encodePayload(answer) }),
      (error: Error) => ({
        case: "failure" as const,
        value: { type: error.name, message: error.message },
      }),
    );
    this.#running.delete(jobId);
    if (Math.random() < LOST) {
      return this.#send(
        { case: "nack", value: { jobId, execution: WireExecution.UNKNOWN } },
        ready,
      );
    }
    const result: WorkerEventInit = { case: "result", value: { jobId, outcome } };
    const foreign: WorkerEventInit = { case: "result", value: { jobId: jobId + 1000, outcome } };
    if (Math.random() < SAID_TWICE) this.#send(result, result, foreign, ready);
    else this.#send(result, ready);
  }

  #send(...events: WorkerEventInit[]): void {
    if (this.#stream.destroyed) return;
    for (const message of encodeWorkerEvents(events)) this.#stream.write(message);
  }
}

let draining = false;
liveAsLongAsParent();
let session = new Session();
process.once("SIGTERM", () => {
  draining = true;
  session.drain();
});
for (;;) {
  await session.ended;
  if (draining) break;
  await delay(systemClock, between(Math.random, ...PAUSE_MS));
  if (draining) break;
  session = new Session();
}
leaveParent();
