import { GibbsError } from "../../src/base/errors/error.js";
import type { JobContext } from "../../src/worker/handler.js";
import { Worker } from "../../src/worker/worker.js";
import type { Act, WorkerScript } from "./case.js";
import type { Cues } from "./cues.js";
import { toValue } from "./data.js";
import { type Line, Program } from "./program.js";
import type { StartWorker } from "./stage.js";

/** Plays workers with the SDK of this library, in this process. */
export const startHere: StartWorker = async (address, label, script, cues) => {
  const { method = "", acts, slots = 16, idempotent } = script;
  let jobs = 0;
  const handler = (input: unknown, context: JobContext): unknown => {
    const act = acts[Math.min(jobs, acts.length - 1)] as Act;
    jobs += 1;
    context.signal.addEventListener("abort", () => cues.add("cancelled"));
    const output = play(act, input, context, cues);
    cues.add("taken");
    return output;
  };
  const declared = idempotent === undefined ? {} : { idempotent };
  const options = { hub: address, workerId: label, slots, handleSignals: false, ...declared };
  const worker = new Worker({ [method]: handler }, options);
  const ended = worker.run();
  await worker.connected;
  return {
    stop: async () => {
      await worker.close();
      await ended;
    },
  };
};

async function play(act: Act, input: unknown, context: JobContext, cues: Cues): Promise<unknown> {
  if (act === "echo") return input;
  if (act === "attempt") return context.attempt;
  if (act === "metadata") {
    return ["tenant", "secret", "blob-bin"].map((key) => {
      const value = context.metadata[key] ?? null;
      return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
    });
  }
  if (act === "hang") {
    return new Promise((_, reject) => {
      context.signal.addEventListener("abort", () => reject(new Error("told")));
    });
  }
  if ("answer" in act) return toValue(act.answer);
  if ("throw" in act) {
    throw new Error(typeof act.throw === "string" ? act.throw : String(toValue(act.throw)));
  }
  if ("fail" in act) {
    const { code, message, retryAfterMs, details = [] } = act.fail;
    const known = details.map(({ typeUrl, hex }) => ({ typeUrl, value: Buffer.from(hex, "hex") }));
    const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
    throw new GibbsError(code, message, { ...hint, details: known });
  }
  await new Promise<void>((resolve) => cues.onRelease(resolve));
  return play(act.hold, input, context, cues);
}

/**
 * Plays workers with the SDK of another language: a program that is told
 * `{"serve": id, "address": ..., "label": ..., "script": {...}}`, `{"release": id}` and
 * `{"stop": id}`, and says `{"id": id, "event": ...}`: `connected`, `taken`, `cancelled`, `stopped`.
 */
export function startIn(command: readonly [string, ...string[]]): StartWorker {
  const heard = new Map<number, (event: string) => void>();
  const program = new Program(command, (line: Line) => {
    heard.get(Number(line["id"]))?.(String(line["event"]));
  });
  let last = 0;
  return async (address, label, script: WorkerScript, cues) => {
    last += 1;
    const id = last;
    const gone = program.ended.then(() => {
      throw new Error(`${command.join(" ")} ended:\n${program.stderr}`);
    });
    gone.catch(() => {});
    let stopped = (): void => {};
    const connected = new Promise<void>((resolve) => {
      heard.set(id, (event) => {
        if (event === "connected") resolve();
        else if (event === "stopped") stopped();
        else cues.add(event as "taken" | "cancelled");
        if (event === "taken") cues.onRelease(() => program.say({ release: id }));
      });
    });
    program.say({ serve: id, address, label, script });
    await Promise.race([connected, gone]);
    return {
      stop: async () => {
        const left = new Promise<void>((resolve) => {
          stopped = resolve;
        });
        program.say({ stop: id });
        await Promise.race([left, gone]);
      },
    };
  };
}
