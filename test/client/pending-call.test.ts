import { expect, it } from "vitest";
import { PendingCall } from "../../src/client/pending-call.js";
import { ManualClock } from "../support/manual-clock.js";

function aCall(): { pending: PendingCall; outcome: Promise<unknown> } {
  let pending: PendingCall | undefined;
  const outcome = new Promise((resolve, reject) => {
    const call = { input: 1, options: {}, until: 2000 };
    pending = new PendingCall(call, new ManualClock(), resolve, reject);
  });
  return { pending: pending as PendingCall, outcome };
}

it("is sent once, and not once it is settled", async () => {
  const { pending, outcome } = aCall();
  pending.sending();
  expect(() => pending.sending()).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  pending.giveUp("CLIENT_CLOSED");
  await expect(outcome).rejects.toMatchObject({ execution: "UNKNOWN" });
  expect(() => pending.sending()).toThrow("a call that is settled cannot be sent");
});

it("reports whether it had been sent when its caller gives up", async () => {
  const told: boolean[] = [];
  const { pending, outcome } = aCall();
  pending.onGivenUp = (wasSent) => told.push(wasSent);
  pending.giveUp("CLIENT_CLOSED");
  pending.giveUp("NO_ANSWER");
  await expect(outcome).rejects.toMatchObject({
    reason: "CLIENT_CLOSED",
    execution: "NOT_STARTED",
  });
  expect(told).toEqual([false]);
});
