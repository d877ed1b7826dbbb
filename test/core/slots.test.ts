import { describe, expect, it } from "vitest";
import { type Slot, SlotLedger } from "../../src/hub/core/workers/slots.js";

function ledger(capacity: number): SlotLedger {
  const slots = new SlotLedger();
  slots.capacity = capacity;
  return slots;
}

describe("the slots of a worker", () => {
  it("are created on first use, and reused", () => {
    const slots = ledger(8);
    const taken = new Set<Slot>();
    for (let job = 0; job < 100; job += 1) {
      expect(slots.offer(1)).toBe(0);
      const slot = slots.take();
      taken.add(slot);
      slots.leave(slot);
    }
    expect([...taken]).toEqual([slots.free]);
  });

  it("number no more than the capacity, offered and busy together", () => {
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
    expect([slots.busy, slots.free]).toEqual([1, undefined]);
    slots.leave(slot);
    expect([slots.busy, slots.free, slots.credit]).toEqual([0, slot, 0]);
  });

  it("are no longer offered after a withdrawal, which leaves busy ones alone", () => {
    const slots = ledger(3);
    slots.offer(3);
    const slot = slots.take();
    slots.withdraw();
    expect([slots.credit, slots.busy, slot.jobs]).toEqual([0, 1, 1]);
  });
});
