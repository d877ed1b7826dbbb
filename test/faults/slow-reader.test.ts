import { once } from "node:events";
import { constants } from "node:http2";
import { expect, it } from "vitest";
import { ManualClock } from "../support/manual-clock.js";
import { RawClient, trailersOf } from "../support/raw-client.js";
import { startClient, startHub, startWorker } from "../support/running.js";

/** More than HTTP/2 lets through to a client that does not read. */
const ANSWER_BYTES = 300_000;
const HOUR_MS = 3_600_000;

it("C9 slow reader: gets nothing more, loses the answer it does not take, and nobody else notices", async () => {
  const clock = new ManualClock();
  const hub = await startHub({ clock, maxUnreadBytes: 200_000, livenessTimeoutMs: HOUR_MS });
  let answered = 0;
  await startWorker(hub, () => {
    answered += 1;
    return new Uint8Array(ANSWER_BYTES);
  });
  const slow = new RawClient(hub.address);
  const unread = slow.request(new Uint8Array());
  const reset = new Promise((resolve) => unread.once("close", resolve));
  await once(unread, "response");

  const trailers = await trailersOf(slow.request(new Uint8Array()));
  expect(trailers["grpc-status"]).toBe("8");
  expect(decodeURIComponent(String(trailers["grpc-message"]))).toContain("yet to read");
  expect(answered).toBe(1);

  const other = await startClient(hub).request<Uint8Array>(null);
  expect(other.length).toBe(ANSWER_BYTES);

  await clock.advance(HOUR_MS / 10);
  await reset;
  expect(unread.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect((await trailersOf(slow.request(new Uint8Array())))["grpc-status"]).toBe("0");
});
