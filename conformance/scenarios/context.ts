import type { MetadataEntry } from "#wire/metadata.js";
import { ask, check } from "../kit/expectation.js";
import { Model, type ToldContext } from "../kit/model.js";
import type { JobInit, Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

const TIMEOUT_MS = 12_345;
const SHORT_MS = 300;
const FOR_EVER_MS = 3_600_000;

const bytes = Buffer.from([0, 255, 128, 10]);
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const metadata: MetadataEntry[] = [
  { key: "traceparent", value: Buffer.from(traceparent) },
  { key: "trace-bin", value: bytes },
];

/** What a handler is told beside its input. */
export const context: readonly Scenario[] = [
  {
    id: "timeout-passed-on",
    title: "the handler knows its time, and is cancelled when it is over",
    rules: ["8.1"],
    needs: [Model.CONTEXT],
    async run(kit) {
      const session = await kit.serving();
      const told = await tellContext(session, { timeoutMs: TIMEOUT_MS });
      const left = told.timeout_ms;
      const passed = ask(
        `${Model.CONTEXT} to tell the ${TIMEOUT_MS} ms of its job, or what is left`,
        "8.1",
      );
      const fits = typeof left === "number" && left > 0 && left <= TIMEOUT_MS;
      check(fits, passed, `\`timeout_ms\` is ${left}`);
      const unlimited = (await tellContext(session, {})).timeout_ms;
      const none = ask(`${Model.CONTEXT} to tell null for a job without limit`, "8.1");
      check(unlimited === null, none, `\`timeout_ms\` is ${unlimited}`);
      if (!kit.offers(Model.HOLD)) return;
      const job = await session.job(Model.HOLD, FOR_EVER_MS, { timeoutMs: SHORT_MS });
      await session.terminal(
        job,
        ask(`job ${job.id} to end when its ${SHORT_MS} ms are over`, "8.1"),
      );
    },
  },
  {
    id: "metadata-passed",
    title: "metadata, the attempt and the request's id reach the handler",
    rules: ["14.2"],
    needs: [Model.CONTEXT],
    async run(kit) {
      const session = await kit.serving();
      const told = await tellContext(session, { metadata, attempt: 2, requestId: "request-ü" });
      const text = ask("`traceparent` as the text that it is", "14.2");
      const { traceparent: heard, "trace-bin": binary } = told.metadata;
      check(heard === traceparent, text, `it was ${JSON.stringify(heard)}`);
      const base64 = ask("`trace-bin` as bytes", "14.2");
      check(binary === bytes.toString("base64"), base64, `it was ${JSON.stringify(binary)}`);
      const { attempt, request_id: id } = told;
      const which = ask('the attempt 2 of "request-ü"', "14.2");
      check(
        attempt === 2 && id === "request-ü",
        which,
        `it was ${attempt} of ${JSON.stringify(id)}`,
      );
    },
  },
];

async function tellContext(session: Session, more: JobInit): Promise<ToldContext> {
  const object = ask(`${Model.CONTEXT} to answer with an object as the model's page says`, "7.3");
  const answer = await session.answer(await session.job(Model.CONTEXT, null, more), object);
  const isObject = typeof answer === "object" && answer !== null && "metadata" in answer;
  check(isObject, object, `it answered ${JSON.stringify(answer)}`);
  return answer as unknown as ToldContext;
}
