import type { Run } from "./model.js";

const WIDTH = 60;

/** Draws which worker did what and when: a row per process, a bar per request. */
export function drawTimeline(runs: readonly Run[], startedAt: number, tookMs: number): string {
  const column = (time: number): number =>
    Math.min(WIDTH, Math.max(0, Math.round(((time - startedAt) / tookMs) * WIDTH)));
  const inOrder = runs.toSorted((a, b) => a.start - b.start);
  const rows = Array.from(new Set(inOrder.map(({ pid }) => pid)), (pid) => {
    let row = "";
    for (const { result, start, end } of inOrder.filter((run) => run.pid === pid)) {
      const length = Math.max(2, column(end) - column(start));
      const label = `${Math.sqrt(result)}²`.slice(0, length - 1);
      row = `${row.padEnd(column(start), ".")}[${label.padEnd(length - 2, "=").slice(0, length - 2)}]`;
    }
    return `  pid ${String(pid).padEnd(7)} ${row.padEnd(WIDTH, ".")}`;
  });
  const end = `${Math.round(tookMs)} ms`;
  return [...rows, `              0 ms${end.padStart(WIDTH - 3)}`].join("\n");
}
