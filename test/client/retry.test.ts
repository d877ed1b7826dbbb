import { describe, expect, it } from "vitest";
import { type Code, type Execution, GibbsError } from "../../src/base/errors/error.js";
import { sendWithRetries } from "../../src/client/retry.js";
import { ManualClock } from "../support/manual-clock.js";

/** The clock of a process that can stall: timers then fire late, and all at once. */
class StallingClock extends ManualClock {
  #lateMs = 0;

  override now(): number {
    return super.now() + this.#lateMs;
  }

  stall(forMs: number): void {
    this.#lateMs += forMs;
  }
}

describe("a request that is sent again", () => {
  const draining = refusal("UNAVAILABLE", "DRAINING", "NOT_STARTED");
  const unsent = refusal("UNAVAILABLE", "CONNECTION_LOST", "NOT_STARTED");
  const lost = refusal("UNAVAILABLE", "CONNECTION_LOST", "UNKNOWN");

  it.each([
    [[draining], "UNAVAILABLE DRAINING NOT_STARTED"],
    [[unsent], "UNAVAILABLE CONNECTION_LOST NOT_STARTED"],
    [[lost], "UNAVAILABLE CONNECTION_LOST UNKNOWN"],
    [[lost, draining], "ABORTED DRAINING UNKNOWN"],
  ])("is not sent when a pause outlasts its time: %o", async (failures, expected) => {
    const clock = new StallingClock();
    let sends = 0;
    const transport = {
      send: () => Promise.reject(failures[sends++] ?? new Error("sent when its time was over")),
      close: () => {},
    };
    const call = { input: 1, options: { idempotent: true }, until: clock.now() + 60_000 };
    const context = { clock, random: () => 0.5, patienceMs: 60_000, transport };
    const told = sendWithRetries(call, { ...context, closing: new AbortController().signal }).then(
      () => "answered",
      ({ code, reason, execution }: GibbsError) => `${code} ${reason} ${execution}`,
    );
    while (sends < failures.length) await clock.advance(100);
    await clock.advance(0);
    clock.stall(120_000);
    await clock.advance(5000);
    expect(await told).toBe(expected);
    expect(sends).toBe(failures.length);
  });
});

function refusal(code: Code, reason: string, execution: Execution): GibbsError {
  return new GibbsError(code, "no", { reason, execution });
}
