import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "@bufbuild/protobuf";
import { ConformanceFailure, check, expecting } from "../kit/expectation.js";
import { describeEvents } from "../kit/journal.js";
import { Model } from "../kit/model.js";
import type { SentJob } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

const values: readonly JsonValue[] = [
  null,
  true,
  0,
  34,
  -0.5,
  1e300,
  2 ** 53,
  "",
  "text, ünï¢ode, 𝄞, \u0000",
  [],
  {},
  [1, [null, { deep: ["x"] }]],
  { "": 1, "a key": { list: [true, false] } },
];

/** Jobs, slots and answers. */
export const jobs: readonly Scenario[] = [
  {
    id: "one-job-per-slot",
    title: "a job takes one slot, ends once, and gives one slot back",
    rules: ["6.2", "6.3", "7.1"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      const sent: SentJob[] = [];
      for (let round = 0; round < 2 * session.slots + 2; round += 1) {
        const job = await session.sendJob(kit.anyMethod, null);
        await session.awaitTerminalEvent(job);
        sent.push(job);
      }
      await session.awaitCredit(session.slots, expecting("every slot given back", "6.2"));
      await session.fence();
      const bound = expecting(
        `credit for ${session.slots} jobs in total, as at the start`,
        "6.2",
        "6.3",
      );
      check(session.credit <= session.slots, bound, `there is credit for ${session.credit}`);
      const twice = sent.find((job) => session.terminalEvents(job).length > 1);
      if (twice === undefined) return;
      const got = `it sent ${describeEvents(session.terminalEvents(twice))}`;
      throw new ConformanceFailure(expecting(`one terminal event for job ${twice.id}`, "7.1"), got);
    },
  },
  {
    id: "slots-many",
    title: "jobs in several slots run concurrently",
    rules: ["6.1", "6.3"],
    needs: [Model.HOLD],
    notClaimed: ({ slots }) => (slots > 1 ? undefined : "it has one slot"),
    async run(kit) {
      const session = await kit.cleanSession();
      const { workMs } = kit.times;
      const long = await session.sendJob(Model.HOLD, workMs);
      const short: SentJob[] = [];
      for (let slot = 1; slot < session.slots; slot += 1) {
        short.push(await session.sendJob(Model.HOLD, 1));
      }
      const beside = expecting(
        `the short jobs to end while job ${long.id} takes ${workMs} ms`,
        "6.1",
      );
      for (const job of short) await session.awaitTerminalEvent(job, beside);
      check(session.terminalEvents(long).length === 0, beside, `job ${long.id} ended before them`);
      await session.awaitTerminalEvent(long, undefined, workMs + kit.times.answerTimeoutMs);
    },
  },
  {
    id: "result-before-ready",
    title: "a job's terminal event comes before the ready that returns its slot",
    rules: ["7.2"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      const inputs: [string, unknown][] = [[kit.anyMethod, null]];
      if (kit.offers(Model.HOLD)) inputs.push([Model.HOLD, 100]);
      for (const [method, input] of inputs) {
        await session.awaitCredit(session.slots, expecting("every slot given back", "6.2"));
        // Late events of the previous job must not count against this one.
        await session.fence();
        const job = await session.sendJob(method, input);
        await session.awaitTerminalEvent(job);
        const since = session.stream.received.slice(job.receivedBefore);
        const end = since.findIndex(
          ({ case: kind, value }) =>
            (kind === "result" || kind === "nack") && value.jobId === job.id,
        );
        const early = since.slice(0, end).filter(({ case: kind }) => kind === "ready");
        const order = expecting(`no \`ready\` between job ${job.id} and its terminal event`, "7.2");
        check(early.length === 0, order, `it sent ${describeEvents(since.slice(0, end + 1))}`);
      }
    },
  },
  {
    id: "result-value",
    title: "any value comes back as it was sent",
    rules: ["2.1", "7.3"],
    needs: [Model.ECHO],
    async run(kit) {
      const session = await kit.cleanSession();
      for (const value of values) {
        const shown = JSON.stringify(value);
        const same = expecting(`${Model.ECHO} to answer ${shown} with the same`, "2.1", "7.3");
        const answer = await session.awaitAnswer(await session.sendJob(Model.ECHO, value), same);
        check(isDeepStrictEqual(answer, value), same, `it was ${show(answer)}`);
      }
      const same = expecting("an input with neither `value` nor `data` to be read as null", "2.1");
      const nothing = await session.sendJob(Model.ECHO, null, { payload: new Uint8Array() });
      const answer = await session.awaitAnswer(nothing, same);
      check(answer === null, same, `${Model.ECHO} answered ${show(answer)}`);
    },
  },
  {
    id: "result-data",
    title: "bytes come back as data",
    rules: ["2.1", "7.3"],
    needs: [Model.BYTES],
    async run(kit) {
      const session = await kit.cleanSession();
      for (const length of [1000, 0]) {
        const bytes = expecting(`\`data\` of ${length} bytes`, "2.1", "7.3");
        const answer = await session.awaitAnswer(await session.sendJob(Model.BYTES, length), bytes);
        const fits = answer instanceof Uint8Array && answer.length === length;
        check(fits, bytes, `it was ${show(answer)}`);
      }
    },
  },
  {
    id: "input-data",
    title: "data reaches the handler byte for byte",
    rules: ["2.1"],
    needs: [Model.ECHO],
    async run(kit) {
      const session = await kit.cleanSession();
      const all = Uint8Array.from({ length: 256 }, (_, index) => index);
      for (const data of [all, new Uint8Array()]) {
        const same = expecting(
          `${Model.ECHO} to answer ${data.length} bytes of \`data\` with the same`,
          "2.1",
        );
        const answer = await session.awaitAnswer(await session.sendJob(Model.ECHO, data), same);
        check(isDeepStrictEqual(answer, data), same, `it was ${show(answer)}`);
      }
    },
  },
  {
    id: "method-routing",
    title: "each job reaches the method that it names",
    rules: ["3.4", "5.4"],
    needs: [Model.ECHO, Model.BYTES],
    async run(kit) {
      const session = await kit.cleanSession();
      const routed = expecting("each job to reach the method that it names", "3.4", "5.4");
      for (const length of [3, 4]) {
        const echoed = await session.awaitAnswer(await session.sendJob(Model.ECHO, length), routed);
        check(echoed === length, routed, `${Model.ECHO} answered ${length} with ${show(echoed)}`);
        const bytes = await session.awaitAnswer(await session.sendJob(Model.BYTES, length), routed);
        const got = `${Model.BYTES} answered ${length} with ${show(bytes)}`;
        check(bytes instanceof Uint8Array && bytes.length === length, routed, got);
      }
    },
  },
];

/** Formats an answer readably. */
function show(answer: JsonValue | Uint8Array): string {
  return answer instanceof Uint8Array
    ? `\`data\` of ${answer.length} bytes`
    : JSON.stringify(answer);
}
