import { expect, it } from "vitest";
import { RawClient, trailersOf } from "../support/raw-client.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { startHub } from "../support/running.js";

const DAY_MS = 24 * 3_600_000;

it.each(["2160000S", "36000M", "600H", "99999999H"])(
  "C5 deadline of 25 days and more (%s): is cut to the longest that the hub allows",
  async (timeout) => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const client = new RawClient(hub.address);
    const call = client.request(new Uint8Array(), { "grpc-timeout": timeout });
    const { jobId, timeoutMs } = await worker.hear("job");
    expect(timeoutMs).toBeLessThanOrEqual(DAY_MS);
    expect(timeoutMs).toBeGreaterThan(DAY_MS - 60_000);
    worker.send({
      case: "result",
      value: { jobId, outcome: { case: "payload", value: new Uint8Array() } },
    });
    expect((await trailersOf(call))["grpc-status"]).toBe("0");
  },
);
