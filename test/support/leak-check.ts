import { getActiveResourcesInfo } from "node:process";
import { afterAll, beforeAll, expect, vi } from "vitest";

/** What keeps a process alive or holds a connection: a test file must end with what it began with. */
const watched = new Set([
  "ChildProcess",
  "ProcessWrap",
  "TCPServerWrap",
  "TCPSocketWrap",
  "PipeServerWrap",
  "HTTP2SESSION",
  "HTTP2STREAM",
  "Http2Session",
  "Http2Stream",
  "Timeout",
]);

function open(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of getActiveResourcesInfo()) {
    if (watched.has(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

let before: Record<string, number> = {};

beforeAll(() => {
  before = open();
});

afterAll(async () => {
  // Sockets close a few turns of the event loop after their owner has: polls, and fails if one stays.
  await vi.waitFor(
    () => {
      const now = open();
      for (const [kind, count] of Object.entries(now)) {
        expect(count, `leaked ${kind}`).toBeLessThanOrEqual(before[kind] ?? 0);
      }
    },
    { timeout: 10_000, interval: 20 },
  );
});
