import { describe, expect, it } from "vitest";
import { absolute, atLeast, atMost, compared } from "../../bench/row.js";
import { toTable } from "../../bench/table.js";

const latency = { benchmark: "B2", what: "p50", unit: "us" };
const bounds = { floor: atMost(1), goal: atMost(0.75) };

describe("a row", () => {
  it("takes the median of the ratios of each round, not the ratio of the medians", () => {
    const row = compared(latency, [10, 40, 90], "NATS", [20, 40, 30], bounds);
    expect(row).toMatchObject({ ours: 40, theirs: 30, ratio: 1, verdict: "floor met" });
  });

  it("leaves out rounds that do not count, on both sides", () => {
    const row = compared(latency, [1, 1, 1], "NATS", [Number.NaN, 2, 2], bounds);
    expect(row).toMatchObject({ ours: 1, theirs: 2, ratio: 0.5, verdict: "goal met" });
  });

  it("says so when a floor is missed, even by NaN", () => {
    expect(compared(latency, [3], "NATS", [2], bounds).verdict).toBe("missed");
    expect(compared(latency, [Number.NaN], "NATS", [2], bounds).verdict).toBe("missed");
    expect(compared(latency, [3], "NATS", [2], { goal: atMost(1) }).verdict).toBe("goal missed");
  });

  it("asks for at least as much where more is better", () => {
    const more = { floor: atLeast(2), goal: atLeast(3) };
    expect(compared(latency, [6], "NATS", [2], more).verdict).toBe("goal met");
    expect(compared(latency, [5], "NATS", [2], more).verdict).toBe("floor met");
    expect(compared(latency, [3], "NATS", [2], more).verdict).toBe("missed");
  });

  it("judges a figure that has no peer on its own", () => {
    expect(absolute(latency, [0], { floor: atMost(0) }).verdict).toBe("floor met");
    expect(absolute(latency, [1], { floor: atMost(0) }).verdict).toBe("missed");
  });
});

describe("the table", () => {
  it("shows a peer that is not installed, and does not judge against it", () => {
    const row = compared(latency, [250], "NATS", "not installed", bounds);
    expect(row.verdict).toBe("not judged");
    const [, , line = ""] = toTable([row]).split("\n");
    const cells = line.split("|").map((cell) => cell.trim());
    expect(cells).toEqual([
      "",
      "B2",
      "p50",
      "250 us",
      "NATS",
      "not installed",
      "",
      "<= 1",
      "<= 0.75",
      "",
      "",
    ]);
  });

  it("has as many columns in every line", () => {
    const rows = [
      absolute(latency, [1234.5]),
      compared(latency, [0.1234], "NATS", [12.34], bounds),
    ];
    const lines = toTable(rows).split("\n");
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines.at(-2)).toContain("| 1,235 us ");
    expect(lines.at(-1)).toContain("| 0.123 us ");
    expect(lines.at(-1)).toContain("| 12.3 us ");
  });
});
