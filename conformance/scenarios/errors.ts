import { ask, check } from "../kit/expectation.js";
import { Model } from "../kit/model.js";
import type { Scenario } from "./scenario.js";

const MESSAGE = "no page of that name: ünï¢ode";
const NOT_FOUND = 5;

/** Bytes that are no `Payload`: a field that is longer than what is there. */
const NO_PAYLOAD = new Uint8Array([0x0a, 0x05, 0x01]);

/** How jobs fail. */
export const errors: readonly Scenario[] = [
  {
    id: "error-mapping",
    title: "what a handler throws is a failure with type and message, and no code",
    rules: ["7.4", "7.5"],
    needs: [Model.FAIL],
    async run(kit) {
      const session = await kit.serving();
      const failed = ask("a `failure` with the message of what the handler threw", "7.4");
      const failure = await session.failure(
        await session.job(Model.FAIL, { message: MESSAGE }),
        failed,
      );
      check(failure.message.includes(MESSAGE), failed, `the message was "${failure.message}"`);
      const named = ask("a `failure` with the class of the error as `type`", "7.4");
      check(failure.type !== "", named, "`type` is empty");
      const plain = ask("`code` 0: the handler declared none", "7.4");
      check(failure.code === 0, plain, `\`code\` is ${failure.code}`);
      const own = ask("no `reason`: it was the handler and not the library", "7.5");
      check(failure.reason === "", own, `\`reason\` is ${failure.reason}`);
      await session.stillServes(kit.anyMethod, ask("it to go on after an error", "7.4"));
    },
  },
  {
    id: "declared-error",
    title: "a status that a handler declares is a failure with that code",
    rules: ["7.4"],
    needs: [Model.FAIL],
    async run(kit) {
      const session = await kit.serving();
      const declared = ask(
        `a \`failure\` with \`code\` ${NOT_FOUND} and the handler's message`,
        "7.4",
      );
      const input = { message: MESSAGE, code: NOT_FOUND };
      const failure = await session.failure(await session.job(Model.FAIL, input), declared);
      check(failure.code === NOT_FOUND, declared, `\`code\` is ${failure.code}`);
      check(failure.message.includes(MESSAGE), declared, `the message was "${failure.message}"`);
    },
  },
  {
    id: "undecodable-input",
    title: "an input that does not decode ends its job, and nothing else",
    rules: ["2.4", "7.5"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      const malformed = ask("a `failure` with the reason MALFORMED", "2.4", "7.5");
      const job = await session.job(kit.anyMethod, null, { payload: NO_PAYLOAD });
      const failure = await session.failure(job, malformed);
      check(failure.reason === "MALFORMED", malformed, `\`reason\` is "${failure.reason}"`);
      await session.stillServes(kit.anyMethod, ask("the stream to go on after that", "2.4"));
    },
  },
];
