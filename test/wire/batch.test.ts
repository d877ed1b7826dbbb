import { expect, it } from "vitest";
import { MAX_BATCH_BYTES } from "../../src/wire/messages/batch.js";
import {
  decodeWorkRequest,
  decodeWorkResponse,
  encodeHubEvents,
  encodeWorkerEvents,
} from "../../src/wire/messages/work.js";
import { job } from "../support/job.js";

it("puts everything into one message, in order", () => {
  const messages = encodeWorkerEvents([
    { case: "result", value: { jobId: 7, outcome: { case: "payload", value: new Uint8Array(3) } } },
    { case: "ready", value: { slots: 1 } },
  ]);
  const events = messages.flatMap(decodeWorkRequest).map(({ event }) => event.case);
  expect([messages.length, events]).toEqual([1, ["result", "ready"]]);
});

it("closes a message at the maximum size, and sends a larger event alone", () => {
  const sizes = [100, 200_000, 100_000, 3_000_000, 100];
  const messages = encodeHubEvents(
    sizes.map((bytes, index) => job({ jobId: index + 1, payload: new Uint8Array(bytes) })),
  );
  const ids = messages.map((message) =>
    decodeWorkResponse(message).map(({ event }) => (event.case === "job" ? event.value.jobId : 0)),
  );
  expect(ids).toEqual([[1, 2], [3], [4], [5]]);
  expect(messages.filter(({ length }) => length > MAX_BATCH_BYTES)).toHaveLength(1);
});
