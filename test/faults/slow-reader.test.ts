import { once } from "node:events";
import { type ClientHttp2Stream, constants } from "node:http2";
import { expect, it } from "vitest";
import { ManualClock } from "../support/manual-clock.js";
import { connectHttp2, endOf, frame, openCall, paths } from "../support/raw-http2.js";
import { startClient, startHub, startWorker } from "../support/running.js";

/** More than HTTP/2 flow control lets through to a client that does not read. */
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
  const session = connectHttp2(hub.address);
  const ask = (): ClientHttp2Stream =>
    openCall(session, paths.request).end(frame(new Uint8Array()));
  const unread = ask();
  const reset = new Promise((resolve) => unread.once("close", resolve));
  await once(unread, "response");

  expect((await endOf(ask())).status).toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    reason: "SLOW_READER",
    execution: "NOT_STARTED",
    retryAfterMs: undefined,
  });
  expect(answered).toBe(1);

  const other = await startClient(hub).request<Uint8Array>(null);
  expect(other.length).toBe(ANSWER_BYTES);

  await clock.advance(HOUR_MS / 10);
  await reset;
  expect(unread.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect((await endOf(ask())).status).toBe("OK");
});
