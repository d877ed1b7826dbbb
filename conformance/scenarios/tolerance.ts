import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { HubEventSchema, JobSchema, type WorkResponse, WorkResponseSchema } from "#wire/index.js";
import { expecting } from "../kit/expectation.js";
import type { SentJob } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** Fields that the .proto does not define, one of each wire type. */
const unknownFields = [
  { no: 3000, wireType: WireType.Varint, data: new Uint8Array([0xac, 0x02]) },
  { no: 3001, wireType: WireType.Bit64, data: new Uint8Array(8).fill(7) },
  { no: 3002, wireType: WireType.LengthDelimited, data: new Uint8Array([3, 0x61, 0x62, 0x63]) },
  { no: 3003, wireType: WireType.Bit32, data: new Uint8Array(4).fill(7) },
];

/** What a worker must tolerate: batches, unknown events, unknown fields. */
export const tolerance: readonly Scenario[] = [
  {
    id: "batched-events",
    title: "all events in a message are handled, in order",
    rules: ["5.1"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      await session.awaitCredit(session.slots, expecting("every slot given back", "6.2"));
      const jobs = Array.from({ length: session.slots }, () =>
        session.prepareJob(kit.anyMethod, null),
      );
      const unknown = {
        case: "cancel" as const,
        value: { jobId: 4_000_000_000, reason: "unknown" },
      };
      session.stream.send(unknown, ...jobs.map(({ event }) => event), unknown);
      const each = expecting(`a result for each of the ${jobs.length} jobs in that message`, "5.1");
      for (const { job } of jobs) await session.awaitResult(job, each);
    },
  },
  {
    id: "unknown-event-ignored",
    title: "an unknown event is ignored",
    rules: ["1.5"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      await session.awaitCredit(1, expecting("`ready` for another job", "6.2"));
      session.stream.sendMessage(
        unknownEvents(),
        "an event with an undefined field number, and an empty event",
      );
      const after = expecting("the stream to stay up after an unknown event", "1.5");
      await session.expectServing(kit.anyMethod, after);

      await session.awaitCredit(1, expecting("`ready` for another job", "6.2"));
      const { job, event } = session.prepareJob(kit.anyMethod, null);
      const message = unknownEvents();
      message.events.push(create(HubEventSchema, { event }));
      session.stream.sendMessage(message, `the same two, then job ${job.id}, in one message`);
      await session.awaitResult(job, expecting("the events after it to be handled", "1.5"));
    },
  },
  {
    id: "unknown-field-ignored",
    title: "unknown fields and features are ignored",
    rules: ["1.5"],
    needs: [],
    async run(kit) {
      const unknown = { $unknown: unknownFields };
      const features = ["gibbs.v1.feature-of-tomorrow"];
      const session = await kit.isolatedSession({ features, ...unknown });
      const jobs: SentJob[] = [];
      for (let round = 0; round < 2; round += 1) {
        await session.awaitCredit(1, expecting("`ready` for another job", "6.2"));
        const { job, event } = session.prepareJob(kit.anyMethod, null);
        if (event.case !== "job") return;
        const value = Object.assign(create(JobSchema, event.value), unknown);
        const message = create(WorkResponseSchema, {
          events: [Object.assign(create(HubEventSchema, { event: { case: "job", value } }), {})],
        });
        session.stream.sendMessage(
          Object.assign(message, unknown),
          `job ${job.id} with undefined fields`,
        );
        jobs.push(job);
      }
      const served = expecting("jobs with unknown fields to be served like any other", "1.5");
      for (const job of jobs) await session.awaitResult(job, served);
    },
  },
];

function unknownEvents(): WorkResponse {
  const [, , bytes] = unknownFields;
  const unknown = Object.assign(create(HubEventSchema), { $unknown: [bytes] });
  return create(WorkResponseSchema, { events: [unknown, create(HubEventSchema)] });
}
