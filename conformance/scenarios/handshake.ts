import { fixed } from "#base/limits.js";
import type { Hello } from "#wire/worker-events.js";
import { ask, check } from "../kit/expectation.js";
import { describeEvent } from "../kit/journal.js";
import type { Scenario } from "./scenario.js";

const MAX_INSTANCE_BYTES = 64;

/** How a worker begins. */
export const handshake: readonly Scenario[] = [
  {
    id: "hello-first",
    title: "the first event is hello, once, and within the limits",
    rules: ["5.2", "5.4", "5.5", "5.6", "10.2"],
    needs: [],
    async run(kit) {
      const first = await kit.start();
      const { heard } = first.stream;
      const begin = ask("`hello` as the very first event", "5.2", "5.6");
      check(heard[0]?.case === "hello", begin, `the first was ${describeEvent(heard[0] ?? {})}`);
      await first.fence();
      const hellos = heard.filter((event) => event.case === "hello").length;
      check(hellos === 1, ask("one `hello` in all", "5.2", "5.6"), `there were ${hellos}`);
      checkHello(first.hello);

      const second = await kit.serveAnew();
      const ids = [first, second].map(({ hello }) => Buffer.from(hello.instanceId).toString("hex"));
      const own = ask("another `instance_id` from another process, or none", "10.2");
      check(ids[0] === "" || ids[0] !== ids[1], own, "two processes sent the same one");
    },
  },
  {
    id: "ready-is-credit",
    title: "it asks for jobs with ready, and for each job that is over again",
    rules: ["5.6", "6.2"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      const rounds = session.slots + 2;
      for (let round = 0; round < rounds; round += 1) {
        const job = await session.job(kit.anyMethod, null);
        await session.terminal(job);
        const again = ask(`\`ready\` for the slot of job ${job.id}, which is over`, "6.2");
        await session.haveCredit(1, again);
      }
      const empty = session.stream.heard.find(
        (event) => event.case === "ready" && event.value.slots === 0,
      );
      check(empty === undefined, ask("no `ready` with zero slots", "5.6"), "there was one");
    },
  },
];

function checkHello(hello: Hello): void {
  const { maxNameLength, maxMethods, maxLabels } = fixed;
  const methods = hello.methods.map(({ name }) => name);
  const twice = methods.find((name, index) => methods.indexOf(name) !== index);
  check(twice === undefined, ask("each method named once", "5.4"), `"${twice}" is there twice`);
  const labels = Object.entries(hello.labels);
  const names = [
    hello.workerId,
    hello.name,
    hello.version,
    hello.sdk,
    ...methods,
    ...labels.flat(),
  ];
  const long = names.find((name) => name.length > maxNameLength);
  const limits = ask("a `hello` within the limits", "5.5");
  check(long === undefined, limits, `a name has ${long?.length} characters`);
  check(methods.length <= maxMethods, limits, `it names ${methods.length} methods`);
  check(labels.length <= maxLabels, limits, `it has ${labels.length} labels`);
  const { length } = hello.instanceId;
  check(length <= MAX_INSTANCE_BYTES, limits, `its \`instance_id\` has ${length} bytes`);
}
