import { describe, expect, it } from "vitest";
import { type Code, GibbsError } from "../../src/base/errors/error.js";
import { Endpoints } from "../../src/wire/dial/endpoints.js";
import { Reconnect } from "../../src/worker/reconnect.js";
import type { SessionEnd } from "../../src/worker/session/session.js";
import { ManualClock } from "../support/manual-clock.js";

/** Starts a `Reconnect` whose pauses are the longest possible. */
function start(): { clock: ManualClock; reconnect: Reconnect } {
  const clock = new ManualClock();
  const random = (): number => 1;
  return {
    clock,
    reconnect: new Reconnect(new Endpoints(["127.0.0.1:1"], { clock, random }), random),
  };
}

const lost: SessionEnd = {
  error: new GibbsError("UNAVAILABLE", "gone"),
  welcomed: false,
  next: undefined,
};

describe("after a session a worker", () => {
  it("dials again after growing pauses, and less often once its hub has been away for a while", async () => {
    const { clock, reconnect } = start();
    const pauses = [0, 1, 2, 3].map(() => reconnect.after(lost));
    expect(pauses.map((next) => next.kind === "dial" && next.afterMs)).toEqual([
      300, 900, 1000, 1000,
    ]);
    await clock.advance(30_001);
    expect(reconnect.after(lost)).toEqual({ kind: "dial", afterMs: 3000 });
    expect(reconnect.after({ ...lost, welcomed: true })).toEqual({ kind: "dial", afterMs: 300 });
  });

  it("dials no earlier than a draining hub asks", () => {
    const next = { kind: "reconnect", afterMs: 5000 } as const;
    expect(start().reconnect.after({ error: undefined, welcomed: true, next })).toEqual({
      kind: "dial",
      afterMs: 5000,
    });
  });

  it("dials at once when its connection is going away, but pauses if the next one does so soon", async () => {
    const { clock, reconnect } = start();
    const pauses = [0, 1, 2].map(() => reconnect.afterGoAway(undefined));
    expect(pauses).toEqual([0, 300, 300]);
    await clock.advance(1000);
    expect([0, 1].map(() => reconnect.afterGoAway(undefined))).toEqual([0, 300]);
  });

  it("stops without an error when the hub tells it to exit", () => {
    const next = { kind: "exit" } as const;
    expect(start().reconnect.after({ ...lost, next })).toEqual({ kind: "stop", error: undefined });
  });

  it.each<[Code, string]>([
    ["UNAUTHENTICATED", ""],
    ["PERMISSION_DENIED", ""],
    ["INVALID_ARGUMENT", "PROTOCOL_VIOLATION"],
    ["FAILED_PRECONDITION", ""],
    ["UNIMPLEMENTED", ""],
    ["ABORTED", "SUPERSEDED"],
  ])("stops permanently after %s / %s", (code, reason) => {
    const error = new GibbsError(code, "no", { reason });
    expect(start().reconnect.after({ ...lost, error })).toMatchObject({
      kind: "stop",
      error: { code, reason, message: expect.stringContaining("the hub refused this worker: no") },
    });
  });
});
