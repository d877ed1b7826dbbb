import { GibbsError } from "../../src/base/errors/error.js";
import type { RequestOptions } from "../../src/base/options/common-options.js";
import { type Answer, Client } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";
import type { Case, Inputs, MapHow, Sending, Step } from "./case.js";
import { toAll, toData, toValue } from "./data.js";
import type { Reported } from "./judge.js";

/** A caller of one hub, over any transport. */
export interface Caller {
  request(input: unknown, options: RequestOptions): Promise<Partial<Answer<unknown>>>;
  map?(inputs: readonly unknown[], options: object): AsyncIterable<unknown>;
  close?(): void;
}

/** A client of the hub at `address`. */
export function clientOf(
  one: Case,
  address: string,
  transport: "multiplex" | "unary",
): Required<Caller> {
  const client = new Client(address, { transport, ...one.client });
  return {
    request: (input, options) => client.requestWithInfo(input, options),
    map: (inputs, options) => client.map(inputs, options),
    close: () => client.close(),
  };
}

/** The hub as a caller, in its own process. */
export function hubAsCaller(hub: Hub): Caller {
  return { request: async (input, options) => ({ output: await hub.request(input, options) }) };
}

/** Does what a case says, as the runner of each SDK does; returns what the caller was told. */
export async function perform(
  one: Case,
  caller: Caller,
  stage: (step: Extract<Step, { stage: string }>) => Promise<void>,
): Promise<Record<string, Reported>> {
  const outcomes = new Map<string, Promise<Reported>>();
  const cancels = new Map<string, AbortController>();
  for (const step of one.steps) {
    if ("send" in step || "sendCancelled" in step) {
      const name = "send" in step ? step.send : step.sendCancelled;
      const cancel = new AbortController();
      if ("sendCancelled" in step) cancel.abort();
      cancels.set(name, cancel);
      outcomes.set(name, send(caller, step, cancel.signal));
    } else if ("map" in step) outcomes.set(step.map, map(caller, step));
    else if ("cancel" in step) cancels.get(step.cancel)?.abort();
    else if ("settle" in step) await outcomes.get(step.settle);
    else if ("close" in step) caller.close?.();
    else await stage(step);
  }
  const told: Record<string, Reported> = {};
  for (const [name, outcome] of outcomes) told[name] = await outcome;
  return told;
}

async function send(caller: Caller, step: Sending, signal: AbortSignal): Promise<Reported> {
  try {
    const answer = await caller.request(toValue(step.input), { ...toOptions(step), signal });
    const { output, requestId, workerId, attempts, queueTimeMs, runTimeMs } = answer;
    const hasTimes = queueTimeMs !== undefined && runTimeMs !== undefined;
    return { answer: toData(output), ...defined({ requestId, workerId, attempts, hasTimes }) };
  } catch (error) {
    return describe(error);
  }
}

async function map(
  caller: Caller,
  step: { inputs: Inputs; take?: number } & MapHow,
): Promise<Reported> {
  const { inputs, take, concurrency, ordered, ...options } = step;
  const how = defined({ concurrency, ordered });
  const answers: unknown[] = [];
  let failure: Reported = {};
  try {
    const all = caller.map?.(toAll(inputs).map(toValue), { ...toOptions(options), ...how }) ?? [];
    for await (const answer of all) {
      answers.push(answer);
      if (answers.length === take) break;
    }
  } catch (error) {
    failure = describe(error);
  }
  return { answers: answers.map(toData), yielded: answers.length, ...failure };
}

function toOptions(step: Omit<Sending, "input">): RequestOptions {
  const { method, timeoutMs, queueTimeoutMs, runTimeoutMs } = step;
  const { idempotent, maxAttempts, requestId, metadata } = step;
  const known = { method, timeoutMs, queueTimeoutMs, runTimeoutMs };
  const entries = Object.entries(metadata ?? {}).map(([key, value]) => [
    key,
    typeof value === "string" ? value : (toValue(value) as string | Uint8Array),
  ]);
  return defined({
    ...known,
    idempotent,
    maxAttempts,
    requestId,
    metadata: metadata && Object.fromEntries(entries),
  });
}

/** An error as it is reported; what TypeScript alone has in another form, in that of the others. */
function describe(error: unknown): Reported {
  if (error instanceof TypeError) {
    const { message } = error;
    return { code: "INVALID_ARGUMENT", reason: "BAD_INPUT", execution: "NOT_STARTED", message };
  }
  if (!(error instanceof GibbsError)) throw error;
  const { code, reason, execution, attempts, message, requestId, workerId } = error;
  const { retryAfterMs, remoteType, queueTimeMs, runTimeMs, details } = error;
  return {
    ...{ code, reason, execution, attempts, message },
    ...defined({ requestId, workerId, retryAfterMs }),
    details: details.map(({ typeUrl, value }) => ({
      typeUrl,
      hex: Buffer.from(value).toString("hex"),
    })),
    hasRemoteType: remoteType !== undefined && remoteType !== "",
    hasTimes: queueTimeMs !== undefined && runTimeMs !== undefined,
  };
}

function defined<T extends object>(fields: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as never;
}
