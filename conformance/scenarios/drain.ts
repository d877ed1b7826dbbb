import { WireExecution } from "#wire/messages/work.js";
import { check, expecting } from "../kit/expectation.js";
import { describeEvent } from "../kit/journal.js";
import type { Kit } from "../kit/kit.js";
import { Model } from "../kit/model.js";
import type { SentJob, Session } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** How long a draining hub asks its workers to wait before they come back, in milliseconds. */
const RECONNECT_AFTER_MS = 800;

/**
 * How early a worker may come back, in milliseconds, since it may start counting at the `drain`.
 */
const EARLY_MS = 50;

/** Draining, by either side. */
export const drain: readonly Scenario[] = [
  {
    id: "drain-from-hub",
    title: "when the hub drains, a worker finishes its jobs and then does what the hub asks",
    rules: ["9.1", "9.3", "9.4", "5.8"],
    needs: [],
    async run(kit) {
      const session = await kit.isolatedSession();
      const job = await keepBusy(kit, session);
      const drainedAt = kit.clock.now();
      const next = { case: "reconnectAfterMs" as const, value: RECONNECT_AFTER_MS };
      session.stream.send({ case: "drain", value: { next } });
      await finish(kit, session, job);
      const back = expecting(
        `it to dial again no sooner than ${RECONNECT_AFTER_MS} ms after the drain`,
        "9.4",
      );
      const again = await kit.awaitSession(back);
      const afterMs = again.stream.openedAt - drainedAt;
      check(
        afterMs >= RECONNECT_AFTER_MS - EARLY_MS,
        back,
        `it came after ${Math.round(afterMs)} ms`,
      );
      await kit.awaitSlots(again);

      again.stream.send({ case: "drain", value: { next: { case: "exit", value: true } } });
      await again.fence();
      again.stream.end();
      const { streams } = kit.hub;
      const before = streams.length;
      await kit.waitUntil(
        () => streams.length > before || kit.process.end !== undefined,
        kit.times.watchMs,
      );
      const stopped = expecting("it to stop after a drain with `exit`", "9.4");
      check(streams.length === before, stopped, "it dialled again");
    },
  },
  {
    id: "drain-on-sigterm",
    title: "on SIGTERM a worker drains, finishes its jobs, and exits",
    rules: ["9.6", "9.1", "5.8"],
    needs: [],
    async run(kit) {
      const session = await kit.isolatedSession();
      const job = await keepBusy(kit, session);
      await terminate(kit, session);
      await finish(kit, session, job);
      const ends = expecting("its process to exit once the hub has ended the stream", "9.6");
      await kit.waitUntil(() => kit.process.end !== undefined, kit.times.answerTimeoutMs);
      check(kit.process.end !== undefined, ends, "it is still running");
    },
  },
  {
    id: "job-crossing-drain-nacked",
    title: "a job that crosses the worker's drain is given back unstarted, or runs",
    rules: ["9.2", "7.6"],
    needs: [],
    async run(kit) {
      const session = await kit.isolatedSession();
      await terminate(kit, session);
      // As if the hub had sent it before reading the drain.
      const { job, event } = session.prepareJob(kit.anyMethod, null);
      session.stream.send(event);
      const back = expecting(
        "`nack` NOT_STARTED for a job that crosses its drain, or a result",
        "9.2",
        "7.6",
      );
      const end = await session.awaitTerminalEvent(job, back);
      const fits = end.case === "result" || end.value.execution === WireExecution.NOT_STARTED;
      check(fits, back, `it was ${describeEvent(end)}`);
      session.stream.end();
    },
  },
];

/** Sends a job that outlasts the next steps, if the worker has a method for that. */
async function keepBusy(kit: Kit, session: Session): Promise<SentJob> {
  const method = kit.offers(Model.HOLD) ? Model.HOLD : kit.anyMethod;
  const job = await session.sendJob(method, kit.times.workMs / 3);
  await session.fence();
  return job;
}

/** Waits for the terminal event, then ends the stream; the worker must not end it first. */
async function finish(kit: Kit, session: Session, job: SentJob): Promise<void> {
  const goesOn = expecting(`job ${job.id} to finish although a drain has begun`, "9.1");
  const { workMs, answerTimeoutMs } = kit.times;
  await session.awaitTerminalEvent(job, goesOn, workMs + answerTimeoutMs);
  await session.fence();
  const waits = expecting("it to leave the end of the stream to the hub", "5.8");
  check(session.stream.state === "open", waits, `the stream is ${session.stream.state}`);
  session.stream.end();
}

/** Sends SIGTERM and waits for the worker's `drain`. */
async function terminate(kit: Kit, session: Session): Promise<void> {
  // By then the worker has read `welcome`, so it knows that it has a hub to drain from.
  await session.fence();
  kit.journal.record("kit", "sends SIGTERM to the worker's process group");
  kit.process.signal("SIGTERM");
  const drains = expecting("`drain` after SIGTERM", "9.6");
  await session.waitFor(
    () => session.stream.received.find((event) => event.case === "drain"),
    drains,
  );
}
