import { describe, expect, it } from "vitest";
import { SlotLedger } from "../../src/hub/core/slots.js";

function ledger(capacity: number): SlotLedger {
  const slots = new SlotLedger();
  slots.capacity = capacity;
  return slots;
}

describe("the slots of a worker", () => {
  it("are created when first offered, and reused", () => {
    const slots = ledger(8);
    for (let job = 0; job < 100; job += 1) {
      expect(slots.offer(1)).toBe(0);
      slots.leave(slots.take());
    }
    expect(slots.all.length).toBe(1);
  });

  it("are never more, offered and busy together, than the worker may have", () => {
    const slots = ledger(3);
    expect(slots.offer(2)).toBe(0);
    slots.take();
    expect(slots.offer(5)).toBe(4);
    expect([slots.credit, slots.busy]).toEqual([2, 1]);
  });

  it("are free once the last of their jobs has ended", () => {
    const slots = ledger(1);
    slots.offer(1);
    const slot = slots.take();
    slot.jobs += 1;
    slots.leave(slot);
    expect([slot.state, slots.busy]).toEqual(["busy", 1]);
    slots.leave(slot);
    expect([slot.state, slots.busy, slots.credit]).toEqual(["idle", 0, 0]);
  });

  it("are no longer offered after a withdrawal, which leaves busy ones alone", () => {
    const slots = ledger(3);
    slots.offer(3);
    const slot = slots.take();
    slots.withdraw();
    expect([slots.credit, slots.busy, slot.state]).toEqual([0, 1, "busy"]);
    expect(() => slots.take()).toThrow("no slot is offered");
  });
});
