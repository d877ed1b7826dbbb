import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import {
  HubEventSchema,
  JobSchema,
  type WorkResponse,
  WorkResponseSchema,
} from "../../wire/index.js";
import { ask } from "../failure.js";
import type { Scenario } from "../scenario.js";
import type { SentJob } from "../session.js";

/** Fields that nobody has defined yet, of each kind. */
const unknownFields = [
  { no: 3000, wireType: WireType.Varint, data: new Uint8Array([0xac, 0x02]) },
  { no: 3001, wireType: WireType.Bit64, data: new Uint8Array(8).fill(7) },
  { no: 3002, wireType: WireType.LengthDelimited, data: new Uint8Array([3, 0x61, 0x62, 0x63]) },
  { no: 3003, wireType: WireType.Bit32, data: new Uint8Array(4).fill(7) },
];

/** What a worker must take that it does not expect. */
export const tolerance: readonly Scenario[] = [
  {
    id: "batched-events",
    title: "all events of one message count, in their order",
    rules: ["5.1"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      await session.haveCredit(session.slots, ask("each slot given back", "6.2"));
      const jobs = Array.from({ length: session.slots }, () => session.newJob(kit.anyMethod, null));
      const unknown = {
        case: "cancel" as const,
        value: { jobId: 4_000_000_000, reason: "unknown" },
      };
      session.stream.send(unknown, ...jobs.map(({ event }) => event), unknown);
      const each = ask(`a result for each of the ${jobs.length} jobs in that message`, "5.1");
      for (const { job } of jobs) await session.outcome(job, each);
    },
  },
  {
    id: "unknown-event-ignored",
    title: "an event that it does not know is ignored",
    rules: ["1.5"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      await session.haveCredit(1, ask("`ready` for a further job", "6.2"));
      session.stream.sendMessage(
        unknownEvents(),
        "an event of a number that nobody has defined, and an empty one",
      );
      const after = ask("the stream to go on after an event that it does not know", "1.5");
      await session.stillServes(kit.anyMethod, after);

      await session.haveCredit(1, ask("`ready` for a further job", "6.2"));
      const { job, event } = session.newJob(kit.anyMethod, null);
      const message = unknownEvents();
      message.events.push(create(HubEventSchema, { event }));
      session.stream.sendMessage(
        message,
        `the same two, and job ${job.id} behind them in one message`,
      );
      await session.outcome(job, ask("the events behind it to count", "1.5"));
    },
  },
  {
    id: "unknown-field-ignored",
    title: "fields and features that it does not know are ignored",
    rules: ["1.5"],
    needs: [],
    async run(kit) {
      const unknown = { $unknown: unknownFields };
      const features = ["gibbs.v1.feature-of-tomorrow"];
      const session = await kit.start({ features, ...unknown });
      const jobs: SentJob[] = [];
      for (let round = 0; round < 2; round += 1) {
        await session.haveCredit(1, ask("`ready` for a further job", "6.2"));
        const { job, event } = session.newJob(kit.anyMethod, null);
        if (event.case !== "job") return;
        const value = Object.assign(create(JobSchema, event.value), unknown);
        const message = create(WorkResponseSchema, {
          events: [Object.assign(create(HubEventSchema, { event: { case: "job", value } }), {})],
        });
        session.stream.sendMessage(
          Object.assign(message, unknown),
          `job ${job.id} with fields that nobody has defined`,
        );
        jobs.push(job);
      }
      const served = ask("jobs with unknown fields to be served like others", "1.5");
      for (const job of jobs) await session.outcome(job, served);
    },
  },
];

function unknownEvents(): WorkResponse {
  const [, , bytes] = unknownFields;
  const unknown = Object.assign(create(HubEventSchema), { $unknown: [bytes] });
  return create(WorkResponseSchema, { events: [unknown, create(HubEventSchema)] });
}
