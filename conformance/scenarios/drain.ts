import { WireExecution } from "#wire/worker-events.js";
import { ask, check } from "../kit/expectation.js";
import { describeEvent } from "../kit/journal.js";
import type { Kit } from "../kit/kit.js";
import { Model } from "../kit/model.js";
import type { SentJob, Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** When a draining hub asks its workers to come back, in milliseconds. */
const RECONNECT_AFTER_MS = 800;

/** How much earlier than asked a worker may be there: it heard of it earlier than the stream's end. */
const EARLY_MS = 50;

/** When either side wants to go. */
export const drain: readonly Scenario[] = [
  {
    id: "drain-from-hub",
    title: "a worker finishes what it has when the hub drains, and then does what the hub asks",
    rules: ["9.1", "9.3", "9.4", "5.8"],
    needs: [],
    async run(kit) {
      const session = await kit.start();
      const job = await busy(kit, session);
      const drainedAt = kit.clock.now();
      const next = { case: "reconnectAfterMs" as const, value: RECONNECT_AFTER_MS };
      session.stream.send({ case: "drain", value: { next } });
      await finish(kit, session, job);
      const back = ask(`it to dial again ${RECONNECT_AFTER_MS} ms after the drain or later`, "9.4");
      const again = await kit.nextSession(back);
      const afterMs = again.stream.openedAt - drainedAt;
      check(
        afterMs >= RECONNECT_AFTER_MS - EARLY_MS,
        back,
        `it came after ${Math.round(afterMs)} ms`,
      );
      await kit.ready(again);

      again.stream.send({ case: "drain", value: { next: { case: "exit", value: true } } });
      await again.fence();
      again.stream.end();
      const { streams } = kit.hub;
      const before = streams.length;
      await kit.wait(
        () => streams.length > before || kit.process.end !== undefined,
        kit.times.watchMs,
      );
      const stopped = ask("it to stop after a drain with `exit`", "9.4");
      check(streams.length === before, stopped, "it dialled again");
    },
  },
  {
    id: "drain-on-sigterm",
    title: "at SIGTERM a worker drains, finishes what it has, and ends",
    rules: ["9.6", "9.1", "5.8"],
    needs: [],
    async run(kit) {
      const session = await kit.start();
      const job = await busy(kit, session);
      await terminate(kit, session);
      await finish(kit, session, job);
      const ends = ask("its process to end once the hub has ended the stream", "9.6");
      await kit.wait(() => kit.process.end !== undefined, kit.times.answerTimeoutMs);
      check(kit.process.end !== undefined, ends, "it still runs");
    },
  },
  {
    id: "job-crossing-drain-nacked",
    title: "a job that crosses the worker's drain is given back unstarted, or run",
    rules: ["9.2", "7.6"],
    needs: [],
    async run(kit) {
      const session = await kit.start();
      await terminate(kit, session);
      // On its way before the hub had read the drain.
      const { job, event } = session.newJob(kit.anyMethod, null);
      session.stream.send(event);
      const back = ask(
        "`nack` NOT_STARTED for a job that crosses its drain, or a result",
        "9.2",
        "7.6",
      );
      const end = await session.terminal(job, back);
      const fits = end.case === "result" || end.value.execution === WireExecution.NOT_STARTED;
      check(fits, back, `it was ${describeEvent(end)}`);
      session.stream.end();
    },
  },
];

/** Gives the worker something to do that outlasts what comes next, if it can be given such. */
async function busy(kit: Kit, session: Session): Promise<SentJob> {
  const method = kit.offers(Model.HOLD) ? Model.HOLD : kit.anyMethod;
  const job = await session.job(method, kit.times.workMs / 3);
  await session.fence();
  return job;
}

/** Waits for the terminal event, then ends the stream as a hub does; the worker must not do so first. */
async function finish(kit: Kit, session: Session, job: SentJob): Promise<void> {
  const goesOn = ask(`job ${job.id} to be finished though a drain has begun`, "9.1");
  const { workMs, answerTimeoutMs } = kit.times;
  await session.terminal(job, goesOn, workMs + answerTimeoutMs);
  await session.fence();
  const waits = ask("it to leave the end of the stream to the hub", "5.8");
  check(session.stream.state === "open", waits, `the stream is ${session.stream.state}`);
  session.stream.end();
}

async function terminate(kit: Kit, session: Session): Promise<void> {
  // By then it has read its welcome, and knows that it has a hub to take leave of.
  await session.fence();
  kit.journal.note("kit", "sends SIGTERM to the worker's process group");
  kit.process.signal("SIGTERM");
  const drains = ask("`drain` after SIGTERM", "9.6");
  await session.until(() => session.stream.heard.find((event) => event.case === "drain"), drains);
}
