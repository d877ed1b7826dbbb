// A worker without the SDK: only the generated messages and grpc-js.
// Usage: node examples/bare-worker/worker.js 127.0.0.1:5019
// It exits when its hub does, and does not drain: docs/write-a-worker.md lists what else a worker
// should do, and how `gibbs conformance` tests it.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { HeartbeatMode, PayloadSchema, WorkRequestSchema, WorkResponseSchema } from "gibbs/proto";

const address = process.argv[2] ?? process.env.GIBBS_HUB ?? "127.0.0.1:5019";
const client = new Client(address, credentials.createInsecure());
const work = client.makeBidiStreamRequest(
  "/gibbs.v1.WorkerService/Work",
  (events) => Buffer.from(toBinary(WorkRequestSchema, create(WorkRequestSchema, { events }))),
  (bytes) => fromBinary(WorkResponseSchema, bytes).events,
);

// Announces the worker, and that it can take one job.
const heartbeatMode = HeartbeatMode.WHEN_IDLE;
work.write([
  { event: { case: "hello", value: { workerId: `bare-${process.pid}`, heartbeatMode } } },
  { event: { case: "ready", value: { slots: 1 } } },
]);

work.on("data", (events) => {
  for (const { event } of events) {
    if (event.case === "welcome") console.log(`serving ${address}`);
    if (event.case === "heartbeat") work.write([{ event: { case: "heartbeat", value: {} } }]);
    if (event.case === "job") {
      // The outcome ends the job; the ready after it asks for the next one.
      const value = { jobId: event.value.jobId, outcome: square(event.value.payload) };
      const ready = { event: { case: "ready", value: { slots: 1 } } };
      work.write([{ event: { case: "result", value } }, ready]);
    }
  }
});
work.on("end", () => work.end());
work.on("error", (error) => {
  console.error(`the hub is gone: ${error.message}`);
  process.exitCode = 1;
});
work.on("close", () => client.close());

function square(payload) {
  try {
    const x = fromBinary(PayloadSchema, payload).kind.value.kind.value;
    const kind = { case: "value", value: { kind: { case: "numberValue", value: x ** 2 } } };
    const answer = toBinary(PayloadSchema, create(PayloadSchema, { kind }));
    return { case: "payload", value: answer };
  } catch (error) {
    return { case: "failure", value: { reason: "MALFORMED", message: error.message } };
  }
}
