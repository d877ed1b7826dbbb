import { check, expecting } from "../kit/expectation.js";
import { describeEvents } from "../kit/journal.js";
import type { Kit } from "../kit/kit.js";
import { Model } from "../kit/model.js";
import type { Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

const NEW_STREAM = expecting("a new stream when its connection is going away (GOAWAY)", "11.5");

/** Connections that go away while they work. */
export const handOver: readonly Scenario[] = [
  {
    id: "goaway-hands-over",
    title: "when its connection is going away, a worker moves to a new one and loses nothing",
    rules: ["10.2", "11.2", "11.5", "11.6"],
    needs: [Model.HOLD],
    async run(kit) {
      const old = await kit.isolatedSession();
      const { workMs, answerTimeoutMs } = kit.times;
      const job = await old.sendJob(Model.HOLD, workMs);
      await old.fence();
      kit.hub.goAway();

      const stream = await kit.awaitStream(NEW_STREAM);
      await servesOn(kit, old);
      const next = await kit.greet(stream);
      sameWorker(old, next);
      const drains = expecting("`drain` on the old stream once the new one is welcomed", "11.5");
      await old.waitFor(
        () => old.stream.received.find(({ case: kind }) => kind === "drain"),
        drains,
      );

      await next.fence();
      const isRunning = old.terminalEvents(job).length === 0;
      const free = expecting(
        `credit for ${old.slots - 1} of its ${old.slots} slots while ${Model.HOLD} still occupies one`,
        "11.5",
        "11.2",
      );
      if (isRunning) check(next.credit < old.slots, free, `it gave credit for ${next.credit}`);
      const finishes = expecting("the result of the job on the stream that it came from", "11.6");
      await old.awaitResult(job, finishes, workMs + answerTimeoutMs);
      const all = expecting(`credit for all ${old.slots} slots once the job has ended`, "11.5");
      await next.awaitCredit(old.slots, all);
      old.stream.end();

      await next.expectServing(kit.anyMethod, expecting("the new stream to serve", "11.5"));
      const { strayTerminalEvents } = next;
      const stray = `it sent ${describeEvents(strayTerminalEvents)} on the new one`;
      check(strayTerminalEvents.length === 0, finishes, stray);
      const stays = expecting("no further stream, since the new one goes on", "11.5");
      await kit.waitUntil(() => kit.hub.streams.length > 2, kit.times.watchMs);
      check(kit.hub.streams.length === 2, stays, "it opened another one");
    },
  },
];

/** Checks that the worker has not left the old stream before it is welcomed on the new one. */
async function servesOn(kit: Kit, old: Session): Promise<void> {
  const goesOn = expecting(
    "it to serve on the old stream until it is welcomed on the new one",
    "11.5",
  );
  if (old.slots > 1) await old.expectServing(kit.anyMethod, goesOn);
  await old.fence();
  const isDrained = old.stream.received.some(({ case: kind }) => kind === "drain");
  check(old.stream.state === "open", goesOn, `the old stream is ${old.stream.state}`);
  check(!isDrained, goesOn, "it had already sent `drain`");
}

function sameWorker(old: Session, next: Session): void {
  const { workerId, instanceId } = next.hello;
  const same = expecting(`the same worker_id as before, "${old.hello.workerId}"`, "11.5");
  check(workerId === old.hello.workerId, same, `it was "${workerId}"`);
  const isSame = Buffer.from(instanceId).equals(Buffer.from(old.hello.instanceId));
  const fresh = expecting("a new `instance_id`, which does not supersede the old stream", "10.2");
  check(!isSame || instanceId.length === 0, fresh, "it was the same one");
}
