import { numberOf, packHandlerDetails } from "../../src/wire/grpc/status.js";
import type { Job, WorkerEventInit } from "../../src/wire/messages/work.js";
import { Idempotency, WireExecution } from "../../src/wire/messages/work.js";
import { decodePayload, encodePayload } from "../../src/wire/payload/payload.js";
import { hello, RawWorker } from "../support/raw-worker.js";
import type { Act, WireAct, WorkerScript } from "./case.js";
import type { Cues } from "./cues.js";
import { toValue } from "./data.js";

/**
 * Plays a worker event by event, without an SDK: what a worker's library never does, and what it
 * does, in the shortest way.
 */
export class ScriptedWorker {
  readonly #raw: RawWorker;
  readonly #script: WorkerScript;
  readonly #cues: Cues;
  readonly #hanging = new Set<number>();
  #jobs = 0;

  /** Connects; returns once the hub has welcomed it. */
  static async start(
    address: string,
    label: string,
    script: WorkerScript,
    cues: Cues,
  ): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(new RawWorker(address), script, cues);
    const { method = "", idempotent = false, maxReceiveBytes } = script;
    const idempotency = idempotent ? Idempotency.IDEMPOTENT : Idempotency.UNSPECIFIED;
    const methods = [{ name: method, idempotency }];
    worker.#raw.send(hello({ workerId: label, methods, maxReceiveBytes }), {
      case: "ready",
      value: { slots: script.slots ?? 16 },
    });
    await worker.#raw.hear("welcome");
    void worker.#serve();
    return worker;
  }

  private constructor(raw: RawWorker, script: WorkerScript, cues: Cues) {
    this.#raw = raw;
    this.#script = script;
    this.#cues = cues;
  }

  /** Breaks the stream. */
  stop(): void {
    this.#raw.cancel();
  }

  async #serve(): Promise<void> {
    for (;;) {
      const event = await this.#raw.next();
      if (event.case === "heartbeat") this.#raw.send({ case: "heartbeat", value: {} });
      if (event.case === "cancel") this.#cancel(event.value.jobId);
      if (event.case === "job") {
        const { acts } = this.#script;
        const act = acts[Math.min(this.#jobs, acts.length - 1)] as Act | WireAct;
        this.#jobs += 1;
        this.#cues.add("taken");
        this.#play(act, event.value);
      }
    }
  }

  #cancel(jobId: number): void {
    this.#cues.add("cancelled");
    if (this.#hanging.delete(jobId)) this.#end(failure(jobId, { code: 1, message: "told" }));
  }

  #play(act: Act | WireAct, job: Job): void {
    const { jobId } = job;
    if (act === "break") this.stop();
    else if (act === "hang") this.#hanging.add(jobId);
    else if (typeof act === "string") this.#end(resultOf(act, job));
    else if ("answer" in act) this.#end(answer(jobId, toValue(act.answer)));
    else if ("throw" in act) {
      const message = typeof act.throw === "string" ? act.throw : String(toValue(act.throw));
      this.#end(failure(jobId, { type: "Error", message }));
    } else if ("fail" in act) {
      const { code, message, retryAfterMs, details = [] } = act.fail;
      const known = details.map(({ typeUrl, hex }) => ({
        typeUrl,
        value: Buffer.from(hex, "hex"),
      }));
      const packed = packHandlerDetails({ retryAfterMs, details: known });
      this.#end(failure(jobId, { code: numberOf(code), message, details: packed }));
    } else if ("hold" in act) this.#cues.onRelease(() => this.#play(act.hold, job));
    else if ("drain" in act) {
      this.#raw.send({ case: "drain", value: {} });
      this.#play(act.drain, job);
    } else {
      const value = { jobId, execution: WireExecution[act.nack] };
      this.#end({ case: "nack", value });
    }
  }

  #end(event: WorkerEventInit): void {
    this.#raw.send(event, { case: "ready", value: { slots: 1 } });
  }
}

function resultOf(act: string, job: Job): WorkerEventInit {
  const { jobId } = job;
  switch (act) {
    case "echo":
      return answer(jobId, decodePayload(job.payload));
    case "attempt":
      return answer(jobId, job.attempt);
    case "metadata":
      return answer(
        jobId,
        ["tenant", "secret", "blob-bin"].map((name) => {
          const value = job.metadata.find(({ key }) => key === name)?.value;
          if (value === undefined) return null;
          return Buffer.from(value).toString(name.endsWith("-bin") ? "hex" : "utf8");
        }),
      );
    case "no payload":
      return { case: "result", value: { jobId, outcome: { case: undefined } } };
    case "not a payload":
      return result(jobId, new Uint8Array([0x0a, 0x7f]));
    case "cannot decode":
      return failure(jobId, { reason: "MALFORMED", message: "it cannot be decoded" });
    default:
      throw new Error(`no worker does "${act}"`);
  }
}

function answer(jobId: number, value: unknown): WorkerEventInit {
  return result(jobId, encodePayload(value));
}

function result(jobId: number, value: Uint8Array): WorkerEventInit {
  return { case: "result", value: { jobId, outcome: { case: "payload", value } } };
}

function failure(jobId: number, value: object): WorkerEventInit {
  return { case: "result", value: { jobId, outcome: { case: "failure", value } } };
}
