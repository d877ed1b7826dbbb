import { check, expecting } from "../kit/expectation.js";
import { describeEvents } from "../kit/journal.js";
import { Model } from "../kit/model.js";
import type { Scenario } from "./scenario.js";

/** A time longer than any scenario, in milliseconds. */
const FOREVER_MS = 3_600_000;

const UNKNOWN_JOB = { id: 4_000_000_000 };

/** Cancelling jobs. */
export const cancel: readonly Scenario[] = [
  {
    id: "cancel-honoured",
    title: "a cancelled job ends soon",
    rules: ["8.2"],
    needs: [Model.HOLD],
    async run(kit) {
      const session = await kit.cleanSession();
      await session.awaitCredit(session.slots, expecting("every slot given back", "6.2"));
      const job = await session.sendJob(Model.HOLD, FOREVER_MS);
      await session.fence();
      const { credit } = session;
      session.cancel(job);
      const soon = expecting(`job ${job.id} to end soon after its \`cancel\``, "8.2");
      const ended = (): true | undefined =>
        session.terminalEvents(job).length > 0 || session.credit > credit || undefined;
      await session.waitFor(ended, soon);
    },
  },
  {
    id: "cancel-crosses-result",
    title: "a cancel that crosses the result has no effect",
    rules: ["5.7", "7.1"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      const job = await session.sendJob(kit.anyMethod, null);
      await session.awaitTerminalEvent(job);
      await session.fence();
      const before = session.terminalEvents(job).length;
      session.cancel(job);
      await session.fence();
      const ignored = expecting(
        `no event for job ${job.id}, which had ended before it was cancelled`,
        "5.7",
        "7.1",
      );
      await session.expectServing(kit.anyMethod, ignored);
      const after = session.terminalEvents(job).slice(before);
      check(after.length === 0, ignored, `it sent ${describeEvents(after)}`);

      await session.awaitCredit(1, expecting("`ready` for another job", "6.2"));
      const crossing = session.prepareJob(kit.anyMethod, null);
      const { id: jobId } = crossing.job;
      session.stream.send(crossing.event, { case: "cancel", value: { jobId, reason: "at once" } });
      await session.awaitTerminalEvent(
        crossing.job,
        expecting(
          `a terminal event for job ${jobId}, cancelled in the message that carries it`,
          "7.1",
        ),
      );
    },
  },
  {
    id: "cancel-unknown-ignored",
    title: "a cancel of an unknown job is ignored",
    rules: ["5.7"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      session.cancel(UNKNOWN_JOB);
      await session.fence();
      const ignored = expecting("a `cancel` for a job that it never had to be ignored", "5.7");
      await session.expectServing(kit.anyMethod, ignored);
      check(
        session.strayTerminalEvents.length === 0,
        ignored,
        `it sent ${describeEvents(session.strayTerminalEvents)}`,
      );
    },
  },
  {
    id: "terminal-event-after-cancel",
    title: "a cancelled job still gets exactly one terminal event",
    rules: ["7.1", "8.2"],
    needs: [Model.HOLD],
    async run(kit) {
      const session = await kit.cleanSession();
      const { workMs, answerTimeoutMs } = kit.times;
      const job = await session.sendJob(Model.HOLD, workMs);
      session.cancel(job);
      const one = expecting(`one terminal event for the cancelled job ${job.id}`, "7.1", "8.2");
      await session.awaitTerminalEvent(job, one, workMs + answerTimeoutMs);
      // A second one would arrive at the time the handler would have finished.
      await kit.pause(workMs);
      await session.fence();
      const ends = session.terminalEvents(job);
      check(ends.length === 1, one, `it sent ${describeEvents(ends)}`);
    },
  },
];
