import { check, expecting } from "../kit/expectation.js";
import { Model } from "../kit/model.js";
import type { Scenario } from "./scenario.js";

const MESSAGE = "no such page: ünï¢ode";
const NOT_FOUND = 5;

/** Bytes that do not decode as a `Payload`: a field longer than the rest of the message. */
const BAD_PAYLOAD = new Uint8Array([0x0a, 0x05, 0x01]);

/** Job failures. */
export const errors: readonly Scenario[] = [
  {
    id: "error-mapping",
    title: "an exception becomes a failure with type and message, and no code",
    rules: ["7.4", "7.5"],
    needs: [Model.FAIL],
    async run(kit) {
      const session = await kit.cleanSession();
      const failed = expecting("a `failure` with the message of the exception", "7.4");
      const failure = await session.awaitFailure(
        await session.sendJob(Model.FAIL, { message: MESSAGE }),
        failed,
      );
      check(failure.message.includes(MESSAGE), failed, `the message was "${failure.message}"`);
      const named = expecting("a `failure` with the class of the exception as `type`", "7.4");
      check(failure.type !== "", named, "`type` is empty");
      const plain = expecting("`code` 0: the handler declared none", "7.4");
      check(failure.code === 0, plain, `\`code\` is ${failure.code}`);
      const own = expecting("no `reason`: the handler failed, not the library", "7.5");
      check(failure.reason === "", own, `\`reason\` is ${failure.reason}`);
      await session.expectServing(
        kit.anyMethod,
        expecting("it to keep serving after an error", "7.4"),
      );
    },
  },
  {
    id: "declared-error",
    title: "a status that a handler declares becomes a failure with that code",
    rules: ["7.4"],
    needs: [Model.FAIL],
    async run(kit) {
      const session = await kit.cleanSession();
      const declared = expecting(
        `a \`failure\` with \`code\` ${NOT_FOUND} and the handler's message`,
        "7.4",
      );
      const input = { message: MESSAGE, code: NOT_FOUND };
      const failure = await session.awaitFailure(
        await session.sendJob(Model.FAIL, input),
        declared,
      );
      check(failure.code === NOT_FOUND, declared, `\`code\` is ${failure.code}`);
      check(failure.message.includes(MESSAGE), declared, `the message was "${failure.message}"`);
    },
  },
  {
    id: "undecodable-input",
    title: "an input that does not decode ends its job and nothing else",
    rules: ["2.4", "7.5"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      const malformed = expecting("a `failure` with `reason` MALFORMED", "2.4", "7.5");
      const job = await session.sendJob(kit.anyMethod, null, { payload: BAD_PAYLOAD });
      const failure = await session.awaitFailure(job, malformed);
      check(failure.reason === "MALFORMED", malformed, `\`reason\` is "${failure.reason}"`);
      await session.expectServing(kit.anyMethod, expecting("the stream to stay up", "2.4"));
    },
  },
];
