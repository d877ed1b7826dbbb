import { welcomeDefaults } from "#base/limits.js";
import { ask, check } from "../kit/expectation.js";
import { Model } from "../kit/model.js";
import type { Scenario } from "./scenario.js";

const KiB = 1024;

/** What the welcome allows a worker whose answers are to be too large for it. */
const SMALL_PAYLOAD_BYTES = 64 * KiB;

/** What a worker can receive that does not say. */
const DEFAULT_RECEIVE_BYTES = 4096 * KiB;

/** What a job's message may hold beside its payload. */
const JOB_ENVELOPE_BYTES = 16 * KiB;

/** Tag and length of a payload's `data`. */
const PAYLOAD_OVERHEAD_BYTES = 8;

/** Large inputs and answers. */
export const sizes: readonly Scenario[] = [
  {
    id: "oversize-result",
    title: "an answer larger than the hub takes is reported, not sent",
    rules: ["12.1", "5.3", "7.5"],
    needs: [Model.BYTES],
    async run(kit) {
      const session = await kit.start({ maxPayloadBytes: SMALL_PAYLOAD_BYTES });
      const limit = `\`max_payload_bytes\` ${SMALL_PAYLOAD_BYTES}`;
      const small = ask(`an answer of half the ${limit} that the welcome tells`, "12.1", "5.3");
      await session.answer(await session.job(Model.BYTES, SMALL_PAYLOAD_BYTES / 2), small);
      const report = ask(
        `RESULT_TOO_LARGE for an answer of twice the ${limit}`,
        "12.1",
        "5.3",
        "7.5",
      );
      const job = await session.job(Model.BYTES, 2 * SMALL_PAYLOAD_BYTES);
      const { reason } = await session.failure(job, report);
      check(reason === "RESULT_TOO_LARGE", report, `\`reason\` is "${reason}"`);
      await session.stillServes(kit.anyMethod, ask("the stream to go on after that", "12.1"));
    },
  },
  {
    id: "large-input",
    title: "an input as large as the worker says that it takes is taken",
    rules: ["12.1", "12.4", "12.5"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      const { maxReceiveBytes = DEFAULT_RECEIVE_BYTES } = session.hello;
      const most = Math.min(welcomeDefaults.maxPayloadBytes, maxReceiveBytes - JOB_ENVELOPE_BYTES);
      const data = new Uint8Array(most - PAYLOAD_OVERHEAD_BYTES).fill(0x61);
      const job = await session.job(kit.anyMethod, data);
      const taken = ask(`an input of ${most} bytes to be taken`, "12.1", "12.4", "12.5");
      const patienceMs = 2 * kit.times.answerTimeoutMs;
      await session.outcome(job, taken, patienceMs);
      if (!kit.offers(Model.ECHO)) return;
      const same = ask(`${Model.ECHO} to answer ${data.length} bytes with the same`, "12.1");
      const answer = await session.answer(job, same);
      const fits = answer instanceof Uint8Array && Buffer.compare(answer, data) === 0;
      check(fits, same, "the answer differs");
    },
  },
];
