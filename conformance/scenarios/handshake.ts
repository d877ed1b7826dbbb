import { fixed } from "#base/options/limits.js";
import type { Hello } from "#wire/messages/work.js";
import { check, expecting } from "../kit/expectation.js";
import { describeEvent } from "../kit/journal.js";
import type { Scenario } from "./scenario.js";

const MAX_INSTANCE_BYTES = 64;

/** How a session begins. */
export const handshake: readonly Scenario[] = [
  {
    id: "hello-first",
    title: "the first event is hello, once, and within the limits",
    rules: ["5.2", "5.4", "5.5", "5.6", "10.2"],
    needs: [],
    async run(kit) {
      const first = await kit.isolatedSession();
      const { received } = first.stream;
      const begin = expecting("`hello` as the very first event", "5.2", "5.6");
      check(
        received[0]?.case === "hello",
        begin,
        `the first was ${describeEvent(received[0] ?? {})}`,
      );
      await first.fence();
      const hellos = received.filter((event) => event.case === "hello").length;
      check(hellos === 1, expecting("exactly one `hello`", "5.2", "5.6"), `it sent ${hellos}`);
      checkHello(first.hello);

      const second = await kit.freshSession();
      const ids = [first, second].map(({ hello }) => Buffer.from(hello.instanceId).toString("hex"));
      const own = expecting("a different `instance_id` from each process, or none", "10.2");
      check(ids[0] === "" || ids[0] !== ids[1], own, "two processes sent the same one");
    },
  },
  {
    id: "ready-is-credit",
    title: "ready gives credit at the start, and again after each job",
    rules: ["5.6", "6.2"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      const rounds = session.slots + 2;
      for (let round = 0; round < rounds; round += 1) {
        const job = await session.sendJob(kit.anyMethod, null);
        await session.awaitTerminalEvent(job);
        const again = expecting(`\`ready\` for the slot of job ${job.id}, which has ended`, "6.2");
        await session.awaitCredit(1, again);
      }
      const empty = session.stream.received.find(
        (event) => event.case === "ready" && event.value.slots === 0,
      );
      check(empty === undefined, expecting("no `ready` with zero slots", "5.6"), "it sent one");
    },
  },
];

function checkHello(hello: Hello): void {
  const { maxNameLength, maxMethods, maxLabels } = fixed;
  const methods = hello.methods.map(({ name }) => name);
  const twice = methods.find((name, index) => methods.indexOf(name) !== index);
  check(
    twice === undefined,
    expecting("each method named once", "5.4"),
    `"${twice}" is named twice`,
  );
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
  const limits = expecting("a `hello` within the limits", "5.5");
  check(long === undefined, limits, `a name has ${long?.length} characters`);
  check(methods.length <= maxMethods, limits, `it names ${methods.length} methods`);
  check(labels.length <= maxLabels, limits, `it has ${labels.length} labels`);
  const { length } = hello.instanceId;
  check(length <= MAX_INSTANCE_BYTES, limits, `its \`instance_id\` has ${length} bytes`);
}
