import { expect, it } from "vitest";
import { connectHttp2, frame, paths, post } from "../support/raw-http2.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { startHub } from "../support/running.js";

const DAY_MS = 24 * 3_600_000;

it.each(["2160000S", "36000M", "600H", "99999999H"])(
  "C5 deadline of 25 days and more (%s): is cut to the longest that the hub allows",
  async (timeout) => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const headers = { "grpc-timeout": timeout };
    const call = post(connectHttp2(hub.address), paths.request, frame(new Uint8Array()), headers);
    const { jobId, timeoutMs } = await worker.hear("job");
    expect(timeoutMs).toBeLessThanOrEqual(DAY_MS);
    expect(timeoutMs).toBeGreaterThan(DAY_MS - 60_000);
    worker.send({
      case: "result",
      value: { jobId, outcome: { case: "payload", value: new Uint8Array() } },
    });
    expect((await call).status).toBe("OK");
  },
);
