import { ask, check } from "../kit/expectation.js";
import { describeEvents } from "../kit/journal.js";
import { Model } from "../kit/model.js";
import type { Scenario } from "./scenario.js";

/** Longer than any scenario lasts, in milliseconds. */
const FOR_EVER_MS = 3_600_000;

const UNKNOWN_JOB = { id: 4_000_000_000 };

/** When nobody waits for a job any more. */
export const cancel: readonly Scenario[] = [
  {
    id: "cancel-honoured",
    title: "a cancelled job ends soon",
    rules: ["8.2"],
    needs: [Model.HOLD],
    async run(kit) {
      const session = await kit.serving();
      await session.haveCredit(session.slots, ask("each slot given back", "6.2"));
      const job = await session.job(Model.HOLD, FOR_EVER_MS);
      await session.fence();
      const { credit } = session;
      session.cancel(job);
      const soon = ask(`job ${job.id} to end soon after its \`cancel\``, "8.2");
      const over = (): true | undefined =>
        session.terminals(job).length > 0 || session.credit > credit || undefined;
      await session.until(over, soon);
    },
  },
  {
    id: "cancel-crosses-result",
    title: "a cancel that crosses the result changes nothing",
    rules: ["5.7", "7.1"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      const job = await session.job(kit.anyMethod, null);
      await session.terminal(job);
      await session.fence();
      const before = session.terminals(job).length;
      session.cancel(job);
      await session.fence();
      const ignored = ask(
        `no event for job ${job.id}, which was over when it was cancelled`,
        "5.7",
        "7.1",
      );
      await session.stillServes(kit.anyMethod, ignored);
      const after = session.terminals(job).slice(before);
      check(after.length === 0, ignored, `it sent ${describeEvents(after)}`);

      await session.haveCredit(1, ask("`ready` for a further job", "6.2"));
      const crossing = session.newJob(kit.anyMethod, null);
      const { id: jobId } = crossing.job;
      session.stream.send(crossing.event, { case: "cancel", value: { jobId, reason: "at once" } });
      await session.terminal(
        crossing.job,
        ask(`a terminal event for job ${jobId}, cancelled in the message that brought it`, "7.1"),
      );
    },
  },
  {
    id: "cancel-unknown-ignored",
    title: "a cancel of an unknown job is ignored",
    rules: ["5.7"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      session.cancel(UNKNOWN_JOB);
      await session.fence();
      const ignored = ask("the `cancel` of a job that it never had to be ignored", "5.7");
      await session.stillServes(kit.anyMethod, ignored);
      check(session.strays.length === 0, ignored, `it sent ${describeEvents(session.strays)}`);
    },
  },
  {
    id: "terminal-event-after-cancel",
    title: "a cancelled job still gets exactly one terminal event",
    rules: ["7.1", "8.2"],
    needs: [Model.HOLD],
    async run(kit) {
      const session = await kit.serving();
      const { workMs, answerTimeoutMs } = kit.times;
      const job = await session.job(Model.HOLD, workMs);
      session.cancel(job);
      const one = ask(`one terminal event for the cancelled job ${job.id}`, "7.1", "8.2");
      await session.terminal(job, one, workMs + answerTimeoutMs);
      // A second one would come when the handler would have been done.
      await kit.pause(workMs);
      await session.fence();
      const ends = session.terminals(job);
      check(ends.length === 1, one, `there came ${describeEvents(ends)}`);
    },
  },
];
