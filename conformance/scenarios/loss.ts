import { GibbsError } from "#base/error.js";
import { gibbsError } from "#base/reasons.js";
import { ask, ConformanceFailure, check } from "../kit/expectation.js";
import { describeEvents } from "../kit/journal.js";
import type { Kit } from "../kit/kit.js";
import { Model } from "../kit/model.js";
import type { SentJob, Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** For how long a killed hub is away, in milliseconds. */
const AWAY_MS = 300;

/** How often a worker is refused. */
const REFUSALS = 4;

/** The least pause before a worker dials again, in milliseconds. */
const LEAST_PAUSE_MS = 100;

/** Statuses after which a worker is not to dial again: at the opening of its stream, or later. */
const fatal = [
  new GibbsError("UNAUTHENTICATED", "who are you?"),
  new GibbsError("PERMISSION_DENIED", "not you"),
  gibbsError("PROTOCOL_VIOLATION", "you broke a rule"),
  new GibbsError("FAILED_PRECONDITION", "not like this"),
  new GibbsError("UNIMPLEMENTED", "this is no hub"),
  gibbsError("SUPERSEDED", "a newer stream took its place"),
];

/** When the stream is lost, or there is none. */
export const loss: readonly Scenario[] = [
  {
    id: "hub-killed-mid-job",
    title: "a worker comes back by itself to a hub that was killed",
    rules: ["11.3", "5.2", "10.2"],
    needs: [],
    async run(kit) {
      const session = await kit.start();
      const busy = kit.offers(Model.HOLD) ? Model.HOLD : kit.anyMethod;
      await session.job(busy, kit.times.workMs);
      await session.fence();
      const again = await killHub(kit);
      const first = again.stream.heard[0]?.case;
      check(
        first === "hello",
        ask("`hello` as the first event of the new stream", "5.2"),
        `it was ${first}`,
      );
      const [before, after] = [session, again].map(({ hello }) =>
        Buffer.from(hello.instanceId).toString("hex"),
      );
      const same = ask("the `instance_id` that it had before", "10.2");
      check(before === after, same, "it was another");
      const serves = ask("a job on the new stream to be served", "11.3");
      await again.stillServes(kit.anyMethod, serves);
    },
  },
  {
    id: "orphan-gives-no-ready",
    title: "a slot whose handler still runs is not given on a new stream",
    rules: ["11.2"],
    needs: [Model.BLOCK],
    async run(kit) {
      const session = await kit.start();
      const { workMs, answerTimeoutMs } = kit.times;
      // Longer than the worker needs to come back.
      const orphanMs = 2 * workMs;
      await session.job(Model.BLOCK, orphanMs);
      const startedAt = kit.clock.now();
      await session.fence();
      const again = await killHub(kit, orphanMs);
      await again.fence();
      const credit = again.credit;
      const stillRuns = kit.clock.now() - startedAt < orphanMs;
      const owed = ask(
        `credit for ${session.slots - 1} of its ${session.slots} slots while ${Model.BLOCK} still runs in one`,
        "11.2",
      );
      if (stillRuns) check(credit < session.slots, owed, `it gave credit for ${credit}`);
      const free = ask(`credit for all ${session.slots} slots once that is over`, "11.2");
      await kit.until(
        () => again.credit >= session.slots || undefined,
        free,
        orphanMs + answerTimeoutMs,
      );
    },
  },
  {
    id: "orphan-result-dropped",
    title: "the outcome of a job whose stream was lost is told on no other",
    rules: ["11.1"],
    needs: [Model.HOLD],
    async run(kit) {
      const session = await kit.start();
      const { workMs } = kit.times;
      const orphans: SentJob[] = [];
      // One that ends when it is told so, while there is no stream, and one that ends on the new one.
      if (session.slots > 1 || !kit.offers(Model.BLOCK))
        orphans.push(await session.job(Model.HOLD, workMs));
      if (kit.offers(Model.BLOCK)) orphans.push(await session.job(Model.BLOCK, workMs));
      await session.fence();
      const again = await killHub(kit, workMs);
      await kit.wait(() => again.credit >= session.slots, workMs + kit.times.answerTimeoutMs);
      await kit.pause(AWAY_MS);
      await again.stillServes(kit.anyMethod, ask("the new stream to serve", "11.3"));
      const dropped = ask("no terminal event for jobs of the lost stream", "11.1");
      check(again.strays.length === 0, dropped, `it sent ${describeEvents(again.strays)}`);
    },
  },
  {
    id: "fatal-status-stops",
    title: "a worker that is refused for good does not dial again",
    rules: ["11.4"],
    needs: [],
    async run(kit) {
      for (const status of fatal) {
        await kit.launch();
        kit.hub.refusal = status;
        await kit.nextStream(ask("it to open a stream", "5.2"), kit.times.startTimeoutMs);
        const dialled = await kit.wait(
          () => kit.hub.streams.length > 1 || kit.process.end !== undefined,
          kit.times.watchMs,
        );
        const name = status.reason === "" ? status.code : `${status.code} / ${status.reason}`;
        const stopped = !dialled || kit.hub.streams.length === 1;
        check(stopped, ask(`no further stream after ${name}`, "11.4"), "it dialled again");
      }
    },
  },
  {
    id: "backoff-on-unavailable",
    title: "a worker that is refused for now pauses, and dials again",
    rules: ["11.3"],
    needs: [],
    async run(kit) {
      await kit.launch();
      kit.hub.refusal = new GibbsError("UNAVAILABLE", "not now");
      let last = (await kit.nextStream(ask("it to open a stream", "5.2"), kit.times.startTimeoutMs))
        .openedAt;
      const again = ask("it to dial again after UNAVAILABLE, within a second or so", "11.3");
      for (let refused = 1; refused < REFUSALS; refused += 1) {
        const { openedAt } = await kit.nextStream(again);
        const pauseMs = openedAt - last;
        last = openedAt;
        // A clock's tick and the way there and back are the worker's.
        const leastMs = LEAST_PAUSE_MS * 0.8;
        const pause = ask(`a pause of at least ${LEAST_PAUSE_MS} ms before each dial`, "11.3");
        check(pauseMs >= leastMs, pause, `one was ${Math.round(pauseMs)} ms`);
      }
      kit.hub.refusal = undefined;
      const session = await kit.nextSession(again);
      await session.haveCredit(1, ask("`ready` once a hub takes it", "11.3"));
    },
  },
];

/** Kills the hub with its connections, starts it again after a while, and returns the worker's new stream. */
async function killHub(kit: Kit, patienceMs = 0): Promise<Session> {
  kit.journal.note("kit", "kills the hub: every connection breaks");
  await kit.hub.kill();
  await kit.pause(AWAY_MS);
  await kit.hub.listen();
  kit.journal.note("kit", "starts the hub again on the same port");
  const back = ask("it to dial again when its stream is lost", "11.3");
  const end = kit.process.end;
  if (end !== undefined) throw new ConformanceFailure(back, `its process ${end.how}`);
  return kit.nextSession(back, patienceMs + kit.times.answerTimeoutMs);
}
