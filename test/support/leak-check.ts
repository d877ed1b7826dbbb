import { getActiveResourcesInfo } from "node:process";
import { afterAll, beforeAll, expect } from "vitest";

/**
 * Everything that keeps a process alive or holds a connection: a test file must end with what it
 * began with.
 */
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
  // Sockets close a few turns of the event loop after their owner.
  const giveUpAt = performance.now() + 10_000;
  while (leaked() !== undefined && performance.now() < giveUpAt) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(leaked(), "left open by the tests of this file").toBeUndefined();
});

function leaked(): string | undefined {
  const now = open();
  return Object.keys(now).find((kind) => (now[kind] ?? 0) > (before[kind] ?? 0));
}
