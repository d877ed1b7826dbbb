import { describe, expect, it } from "vitest";
import { gibbs } from "../support/running.js";

interface Measured {
  workers: number;
  idealMs: number;
  requests: { input: number; pid: number; startMs: number; endMs: number; result: number }[];
}

describe("gibbs demo", () => {
  it("serves ten callers in three waves over four processes", async () => {
    const { code, stdout, stderr } = await gibbs(["demo", "--json"]).ended;
    expect([code, stderr]).toEqual([0, ""]);
    const { runs } = JSON.parse(stdout) as { runs: Measured[] };
    expect(runs.map(({ workers, idealMs }) => [workers, idealMs])).toEqual([
      [1, 2500],
      [4, 750],
    ]);
    for (const { requests } of runs) {
      expect(requests.map(({ result }) => result)).toEqual([1, 4, 9, 16, 25, 36, 49, 64, 81, 100]);
    }
    const four = runs[1]?.requests ?? [];
    const byPid = new Map<number, { startMs: number; endMs: number }[]>();
    for (const request of four)
      byPid.set(request.pid, [...(byPid.get(request.pid) ?? []), request]);
    expect(byPid.size, "distinct processes").toBe(4);
    const counts = [...byPid.values()].map(({ length }) => length).sort();
    expect(counts, "three waves: 4, 4 and 2").toEqual([2, 2, 3, 3]);
    for (const own of byPid.values()) {
      own.sort((a, b) => a.startMs - b.startMs);
      for (const [index, { startMs }] of own.entries()) {
        expect(startMs, "one at a time in a process").toBeGreaterThanOrEqual(
          own[index - 1]?.endMs ?? 0,
        );
      }
    }
    const byStart = four.toSorted((a, b) => a.startMs - b.startMs);
    for (const wave of [byStart.slice(0, 4), byStart.slice(4, 8), byStart.slice(8)]) {
      const lastStart = Math.max(...wave.map(({ startMs }) => startMs));
      const firstEnd = Math.min(...wave.map(({ endMs }) => endMs));
      expect(lastStart, "a wave runs side by side").toBeLessThan(firstEnd);
    }
  });

  it("leaves nothing running when it is killed", async () => {
    const demo = gibbs(["demo"]);
    await demo.line(/the hub is at/);
    // Its hub and workers exit on their own. A check at the end of the test run finds any process
    // left over.
    demo.process.kill("SIGKILL");
    expect(await demo.ended).toMatchObject({ signal: "SIGKILL" });
  });

  it("prints a line for each number of workers, and a timeline", async () => {
    const { code, stdout } = await gibbs(["demo"]).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^10 requests, 1 worker: \d\.\d{3} s \(ideal 2\.500 s\)$/m);
    expect(stdout).toMatch(/^10 requests, 4 workers: \d\.\d{3} s \(ideal 0\.750 s\)$/m);
    expect(stdout.match(/^ {2}pid \d+ +[.[\]=\d²]+$/gm)).toHaveLength(5);
  });
});
