import { welcomeDefaults } from "#base/options/limits.js";
import { check, expecting } from "../kit/expectation.js";
import { Model } from "../kit/model.js";
import type { Scenario } from "./scenario.js";

const KiB = 1024;

/** A `max_payload_bytes` small enough for an answer to exceed it. */
const SMALL_PAYLOAD_BYTES = 64 * KiB;

/** The largest message that a worker can receive, in bytes, unless its `hello` says otherwise. */
const DEFAULT_RECEIVE_BYTES = 4096 * KiB;

/** Room for the other fields of a job, in bytes. */
const JOB_ENVELOPE_BYTES = 16 * KiB;

/** Room for the tag and length of `Payload.data`, in bytes. */
const PAYLOAD_OVERHEAD_BYTES = 8;

/** Large inputs and answers. */
export const sizes: readonly Scenario[] = [
  {
    id: "oversize-result",
    title: "an answer larger than the hub accepts is reported, not sent",
    rules: ["12.1", "5.3", "7.5"],
    needs: [Model.BYTES],
    async run(kit) {
      const session = await kit.isolatedSession({ maxPayloadBytes: SMALL_PAYLOAD_BYTES });
      const limit = `\`max_payload_bytes\` ${SMALL_PAYLOAD_BYTES}`;
      const small = expecting(`an answer of half the ${limit} in \`welcome\``, "12.1", "5.3");
      await session.awaitAnswer(await session.sendJob(Model.BYTES, SMALL_PAYLOAD_BYTES / 2), small);
      const report = expecting(
        `RESULT_TOO_LARGE for an answer of twice the ${limit}`,
        "12.1",
        "5.3",
        "7.5",
      );
      const job = await session.sendJob(Model.BYTES, 2 * SMALL_PAYLOAD_BYTES);
      const { reason } = await session.awaitFailure(job, report);
      check(reason === "RESULT_TOO_LARGE", report, `\`reason\` is "${reason}"`);
      await session.expectServing(kit.anyMethod, expecting("the stream to stay up", "12.1"));
    },
  },
  {
    id: "large-input",
    title: "an input as large as the worker declares is accepted",
    rules: ["12.1", "12.4", "12.5"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      const { maxReceiveBytes = DEFAULT_RECEIVE_BYTES } = session.hello;
      const most = Math.min(welcomeDefaults.maxPayloadBytes, maxReceiveBytes - JOB_ENVELOPE_BYTES);
      const data = new Uint8Array(most - PAYLOAD_OVERHEAD_BYTES).fill(0x61);
      const job = await session.sendJob(kit.anyMethod, data);
      const accepted = expecting(
        `an input of ${most} bytes to be accepted`,
        "12.1",
        "12.4",
        "12.5",
      );
      const timeoutMs = 2 * kit.times.answerTimeoutMs;
      await session.awaitResult(job, accepted, timeoutMs);
      if (!kit.offers(Model.ECHO)) return;
      const same = expecting(`${Model.ECHO} to answer ${data.length} bytes with the same`, "12.1");
      const answer = await session.awaitAnswer(job, same);
      const fits = answer instanceof Uint8Array && Buffer.compare(answer, data) === 0;
      check(fits, same, "the answer differs");
    },
  },
];
