import { describe, expect, it, vi } from "vitest";
import type { WorkerHello } from "../../src/hub/core/workers/session.js";
import { Harness } from "./harness.js";

function serving(...names: string[]): Partial<WorkerHello> {
  return { methods: new Map(names.map((name) => [name, { idempotent: false }])) };
}

describe("workers with many methods", () => {
  const many = Array.from({ length: 256 }, (_, index) => `method ${index}`);

  it("are in one idle list, however many they serve and in whatever order they list them", () => {
    const h = new Harness();
    const first = h.worker(1, serving(...many));
    const second = h.worker(1, serving(...[...many].reverse()));
    expect([...h.core.queues.groups.values()]).toEqual([first.group]);
    expect(second.group).toBe(first.group);
    expect(first.group?.idle.size).toBe(2);
  });

  it("move in it once per job", () => {
    const h = new Harness();
    const worker = h.worker(2, serving(...many));
    const idle = worker.group?.idle as NonNullable<typeof worker.group>["idle"];
    const [insert, remove] = [vi.spyOn(idle, "insert"), vi.spyOn(idle, "remove")];
    for (const method of many) {
      const request = h.submit({ method });
      h.flush();
      h.answer(request);
      h.core.ready(worker, 1, h.now);
    }
    expect([insert.mock.calls.length, remove.mock.calls.length]).toEqual([256, 256]);
  });
});

describe("several groups of workers", () => {
  it("share the method they have in common, the longest idle first", () => {
    const h = new Harness();
    const ab = h.worker(1, serving("a", "b"));
    const a = h.worker(2, serving("a"));
    const ac = h.worker(1, serving("a", "c"));
    const requests = ["c", "a", "a", "a"].map((method) => h.submit({ method }));
    h.flush();
    expect(requests.map((request) => h.holder(request))).toEqual([ac, ab, a, a]);
    expect(h.core.queues.methods.get("a")?.groups.length).toBe(3);
  });

  it("are passed over for a drawback only while another has a smaller one", () => {
    const h = new Harness();
    const [ab, a] = [h.worker(1, serving("a", "b")), h.worker(2, serving("a"))];
    const ac = h.worker(1, serving("a", "c"));
    ab.congested = true;
    ac.congested = true;
    const requests = [1, 2, 3, 4].map(() => h.submit({ method: "a" }));
    h.flush();
    expect(requests.map((request) => h.holder(request))).toEqual([a, a, ab, ac]);
  });

  it("leave their methods with their last worker", () => {
    const h = new Harness();
    const [ab, a] = [h.worker(0, serving("a", "b")), h.worker(0, serving("a"))];
    h.submit({ method: "b" });
    h.core.lost(ab, h.now);
    h.flush();
    const { methods, groups, workerless } = h.core.queues;
    expect([...methods.keys()].sort()).toEqual(["a", "b"]);
    expect([...groups.values()]).toEqual([a.group]);
    expect(workerless).toBe(1);
    h.core.lost(a, h.now);
    expect([methods.size, groups.size]).toEqual([1, 0]);
  });
});
