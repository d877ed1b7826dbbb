import { GibbsError } from "#base/errors/error.js";
import { gibbsError } from "#base/errors/reasons.js";
import { ConformanceFailure, check, expecting } from "../kit/expectation.js";
import { describeEvents } from "../kit/journal.js";
import type { Kit } from "../kit/kit.js";
import { Model } from "../kit/model.js";
import type { SentJob, Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** How long a killed hub stays away, in milliseconds. */
const AWAY_MS = 300;

/** How many times in a row a worker is refused. */
const REFUSALS = 4;

/** The minimum pause before a worker dials again, in milliseconds. */
const LEAST_PAUSE_MS = 100;

/** The statuses after which a worker must not dial again. */
const fatal = [
  new GibbsError("UNAUTHENTICATED", "who are you?"),
  new GibbsError("PERMISSION_DENIED", "not you"),
  gibbsError("PROTOCOL_VIOLATION", "you broke a rule"),
  new GibbsError("FAILED_PRECONDITION", "not like this"),
  new GibbsError("UNIMPLEMENTED", "this is not a hub"),
  gibbsError("SUPERSEDED", "a newer stream took its place"),
];

/** Lost streams, refusals and reconnects. */
export const loss: readonly Scenario[] = [
  {
    id: "hub-killed-mid-job",
    title: "a worker reconnects to a hub that was killed",
    rules: ["11.3", "5.2", "10.2"],
    needs: [],
    async run(kit) {
      const session = await kit.isolatedSession();
      const busy = kit.offers(Model.HOLD) ? Model.HOLD : kit.anyMethod;
      await session.sendJob(busy, kit.times.workMs);
      await session.fence();
      const again = await restartHub(kit);
      const first = again.stream.received[0]?.case;
      check(
        first === "hello",
        expecting("`hello` as the first event of the new stream", "5.2"),
        `it was ${first}`,
      );
      const [before, after] = [session, again].map(({ hello }) =>
        Buffer.from(hello.instanceId).toString("hex"),
      );
      const same = expecting("the same `instance_id` as before", "10.2");
      check(before === after, same, "it was a different one");
      const serves = expecting("a job on the new stream to be served", "11.3");
      await again.expectServing(kit.anyMethod, serves);
    },
  },
  {
    id: "orphan-gives-no-ready",
    title: "a slot whose handler still runs gives no credit on a new stream",
    rules: ["11.2"],
    needs: [Model.BLOCK],
    async run(kit) {
      const session = await kit.isolatedSession();
      const { workMs, answerTimeoutMs } = kit.times;
      // Longer than the worker takes to come back.
      const orphanMs = 2 * workMs;
      await session.sendJob(Model.BLOCK, orphanMs);
      const startedAt = kit.clock.now();
      await session.fence();
      const again = await restartHub(kit, orphanMs);
      await again.fence();
      const credit = again.credit;
      const stillRuns = kit.clock.now() - startedAt < orphanMs;
      const owed = expecting(
        `credit for ${session.slots - 1} of its ${session.slots} slots while ${Model.BLOCK} still occupies one`,
        "11.2",
      );
      if (stillRuns) check(credit < session.slots, owed, `it gave credit for ${credit}`);
      const free = expecting(`credit for all ${session.slots} slots once it has ended`, "11.2");
      await kit.waitFor(
        () => again.credit >= session.slots || undefined,
        free,
        orphanMs + answerTimeoutMs,
      );
    },
  },
  {
    id: "orphan-result-dropped",
    title: "the outcome of a job is not reported on another stream",
    rules: ["11.1"],
    needs: [Model.HOLD],
    async run(kit) {
      const session = await kit.isolatedSession();
      const { workMs } = kit.times;
      const orphans: SentJob[] = [];
      // One ends at once, while there is no stream; the other ends when the new stream is open.
      if (session.slots > 1 || !kit.offers(Model.BLOCK))
        orphans.push(await session.sendJob(Model.HOLD, workMs));
      if (kit.offers(Model.BLOCK)) orphans.push(await session.sendJob(Model.BLOCK, workMs));
      await session.fence();
      const again = await restartHub(kit, workMs);
      await kit.waitUntil(() => again.credit >= session.slots, workMs + kit.times.answerTimeoutMs);
      await kit.pause(AWAY_MS);
      await again.expectServing(kit.anyMethod, expecting("the new stream to serve", "11.3"));
      const dropped = expecting("no terminal event for jobs of the lost stream", "11.1");
      check(
        again.strayTerminalEvents.length === 0,
        dropped,
        `it sent ${describeEvents(again.strayTerminalEvents)}`,
      );
    },
  },
  {
    id: "fatal-status-stops",
    title: "after a final status a worker does not dial again",
    rules: ["11.4"],
    needs: [],
    async run(kit) {
      for (const status of fatal) {
        await kit.startWorker();
        kit.hub.refusal = status;
        await kit.awaitStream(expecting("it to open a stream", "5.2"), kit.times.startTimeoutMs);
        const dialled = await kit.waitUntil(
          () => kit.hub.streams.length > 1 || kit.process.end !== undefined,
          kit.times.watchMs,
        );
        const name = status.reason === "" ? status.code : `${status.code} / ${status.reason}`;
        const stopped = !dialled || kit.hub.streams.length === 1;
        check(stopped, expecting(`no further stream after ${name}`, "11.4"), "it dialled again");
      }
    },
  },
  {
    id: "backoff-on-unavailable",
    title: "after UNAVAILABLE a worker pauses and dials again",
    rules: ["11.3"],
    needs: [],
    async run(kit) {
      await kit.startWorker();
      kit.hub.refusal = new GibbsError("UNAVAILABLE", "not now");
      let last = (
        await kit.awaitStream(expecting("it to open a stream", "5.2"), kit.times.startTimeoutMs)
      ).openedAt;
      const again = expecting("it to dial again within about a second of UNAVAILABLE", "11.3");
      for (let refused = 1; refused < REFUSALS; refused += 1) {
        const { openedAt } = await kit.awaitStream(again);
        const pauseMs = openedAt - last;
        last = openedAt;
        // Allows for the worker's timer resolution, and for the round trip.
        const leastMs = LEAST_PAUSE_MS * 0.8;
        const pause = expecting(
          `a pause of at least ${LEAST_PAUSE_MS} ms before each dial`,
          "11.3",
        );
        check(pauseMs >= leastMs, pause, `one was ${Math.round(pauseMs)} ms`);
      }
      kit.hub.refusal = undefined;
      const session = await kit.awaitSession(again);
      await session.awaitCredit(1, expecting("`ready` once a hub accepts it", "11.3"));
    },
  },
];

/** Kills the hub, restarts it after `AWAY_MS`, and waits for the worker's new session. */
async function restartHub(kit: Kit, extraMs = 0): Promise<Session> {
  kit.journal.record("kit", "kills the hub: every connection breaks");
  await kit.hub.kill();
  await kit.pause(AWAY_MS);
  await kit.hub.listen();
  kit.journal.record("kit", "starts the hub again on the same port");
  const back = expecting("it to dial again when its stream is lost", "11.3");
  const end = kit.process.end;
  if (end !== undefined) throw new ConformanceFailure(back, `its process ${end.how}`);
  return kit.awaitSession(back, extraMs + kit.times.answerTimeoutMs);
}
