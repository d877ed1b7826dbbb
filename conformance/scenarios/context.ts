import type { MetadataEntry } from "#wire/messages/metadata.js";
import { check, expecting } from "../kit/expectation.js";
import { type HandlerContext, Model } from "../kit/model.js";
import type { JobInit, Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

const TIMEOUT_MS = 12_345;
const SHORT_MS = 300;
const FOREVER_MS = 3_600_000;

const bytes = Buffer.from([0, 255, 128, 10]);
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const metadata: MetadataEntry[] = [
  { key: "traceparent", value: Buffer.from(traceparent) },
  { key: "trace-bin", value: bytes },
];

/** What a handler receives besides its input. */
export const context: readonly Scenario[] = [
  {
    id: "timeout-passed-on",
    title: "the handler knows its time limit, and is cancelled when it expires",
    rules: ["8.1"],
    needs: [Model.CONTEXT],
    async run(kit) {
      const session = await kit.cleanSession();
      const told = await readContext(session, { timeoutMs: TIMEOUT_MS });
      const left = told.timeout_ms;
      const passed = expecting(
        `${Model.CONTEXT} to report the ${TIMEOUT_MS} ms of its job, or what is left of them`,
        "8.1",
      );
      const fits = typeof left === "number" && left > 0 && left <= TIMEOUT_MS;
      check(fits, passed, `\`timeout_ms\` is ${left}`);
      const unlimited = (await readContext(session, {})).timeout_ms;
      const none = expecting(`${Model.CONTEXT} to report null for a job without a limit`, "8.1");
      check(unlimited === null, none, `\`timeout_ms\` is ${unlimited}`);
      if (!kit.offers(Model.HOLD)) return;
      const job = await session.sendJob(Model.HOLD, FOREVER_MS, { timeoutMs: SHORT_MS });
      await session.awaitTerminalEvent(
        job,
        expecting(`job ${job.id} to end when its ${SHORT_MS} ms have passed`, "8.1"),
      );
    },
  },
  {
    id: "metadata-passed",
    title: "metadata, the attempt and the request's id reach the handler",
    rules: ["14.2"],
    needs: [Model.CONTEXT],
    async run(kit) {
      const session = await kit.cleanSession();
      const told = await readContext(session, { metadata, attempt: 2, requestId: "request-ü" });
      const text = expecting("`traceparent` as the text that was sent", "14.2");
      const { traceparent: received, "trace-bin": binary } = told.metadata;
      check(received === traceparent, text, `it was ${JSON.stringify(received)}`);
      const base64 = expecting("`trace-bin` as bytes", "14.2");
      check(binary === bytes.toString("base64"), base64, `it was ${JSON.stringify(binary)}`);
      const { attempt, request_id: id } = told;
      const which = expecting('attempt 2 of "request-ü"', "14.2");
      check(
        attempt === 2 && id === "request-ü",
        which,
        `it was ${attempt} of ${JSON.stringify(id)}`,
      );
    },
  },
];

async function readContext(session: Session, more: JobInit): Promise<HandlerContext> {
  const object = expecting(
    `${Model.CONTEXT} to answer with the object that conformance/README.md describes`,
    "7.3",
  );
  const answer = await session.awaitAnswer(
    await session.sendJob(Model.CONTEXT, null, more),
    object,
  );
  const isObject = typeof answer === "object" && answer !== null && "metadata" in answer;
  check(isObject, object, `it answered ${JSON.stringify(answer)}`);
  return answer as unknown as HandlerContext;
}
