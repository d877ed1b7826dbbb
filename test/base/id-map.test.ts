import fc from "fast-check";
import { expect, it } from "vitest";
import { IdMap } from "../../src/base/containers/id-map.js";

// Small ids, ids that collide in a small table, and ids close to the maximum.
const id = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 60 }).map((n) => n * 1024),
  fc.integer({ min: 0, max: 20 }).map((n) => 2 ** 32 - 1 - n),
);
const change = fc.record({ id, put: fc.boolean() });

it("behaves like a Map under insertions and deletions", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
      const map = new IdMap<number>();
      const model = new Map<number, number>();
      for (const [index, { id, put }] of changes.entries()) {
        if (put) map.set(id, index);
        else expect(map.delete(id)).toBe(model.has(id));
        if (put) model.set(id, index);
        else model.delete(id);
        expect([map.get(id), map.has(id), map.size]).toEqual([
          model.get(id),
          model.has(id),
          model.size,
        ]);
      }
      const entries = [...model].sort(([one], [other]) => one - other);
      expect(map.entries()).toEqual(entries);
      expect(map.values()).toEqual(entries.map(([, value]) => value));
      for (const [id, value] of entries) expect(map.get(id)).toBe(value);
      map.clear();
      expect([map.size, map.entries()]).toEqual([0, []]);
    }),
  );
});
