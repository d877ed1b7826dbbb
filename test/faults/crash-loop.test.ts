import { expect, it } from "vitest";
import { ManualClock } from "../support/manual-clock.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { startHub } from "../support/running.js";

it("W6 crash loop: a worker that loses one job after another gets none for a while, but others do", async () => {
  const clock = new ManualClock();
  const hub = await startHub({ clock });
  const start = (workerId: string): RawWorker => {
    const worker = new RawWorker(hub.address);
    worker.send(hello({ workerId }), ready);
    return worker;
  };
  for (let crash = 0; crash < 3; crash += 1) {
    const request = hub.request(crash);
    const worker = start("looping");
    await worker.hear("job");
    worker.cancel();
    await expect(request).rejects.toMatchObject({
      code: "ABORTED",
      reason: "WORKER_LOST",
      workerId: "looping",
    });
  }

  const back = start("looping");
  await back.hear("welcome");
  const request = hub.request("first");
  const other = start("steady");
  const { jobId } = await other.hear("job");
  other.send({ case: "result", value: { jobId, outcome: { case: undefined } } });
  expect(await request).toBeNull();

  const waiting = hub.request("second");
  await clock.advance(1000);
  const job = await back.hear("job");
  back.send({ case: "result", value: { jobId: job.jobId, outcome: { case: undefined } } });
  expect(await waiting).toBeNull();
});
