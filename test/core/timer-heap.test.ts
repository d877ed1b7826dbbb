import fc from "fast-check";
import { expect, it } from "vitest";
import { type Timed, TimerHeap } from "../../src/base/containers/timer-heap.js";

it("pops what is due in order, whatever was moved or removed before", () => {
  const change = fc.tuple(fc.nat(199), fc.option(fc.nat(100), { nil: Number.POSITIVE_INFINITY }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 600 }), fc.nat(100), (changes, now) => {
      const items: Timed[] = Array.from({ length: 200 }, () => ({ heapIndex: -1 }));
      const heap = new TimerHeap<Timed>();
      const expected = new Map<Timed, number>();
      for (const [index, wakeAt] of changes) {
        const item = items[index] as Timed;
        heap.set(item, wakeAt);
        if (wakeAt === Number.POSITIVE_INFINITY) expected.delete(item);
        else expected.set(item, wakeAt);
      }
      expect(heap.size).toBe(expected.size);
      expect(heap.earliest).toBe(Math.min(...expected.values()));
      for (const item of items) {
        expect(heap.timeOf(item)).toBe(expected.get(item) ?? Number.POSITIVE_INFINITY);
      }
      const due: number[] = [];
      for (let item = heap.popDue(now); item; item = heap.popDue(now)) {
        due.push(expected.get(item) as number);
      }
      const sorted = [...expected.values()].filter((at) => at <= now).sort((a, b) => a - b);
      expect(due).toEqual(sorted);
    }),
  );
});
