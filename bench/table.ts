import type { Bound, Row } from "./row.js";

const HEAD = ["", "what", "gibbs", "peer", "its figure", "ratio", "floor", "goal", ""];

/** Renders the rows as a Markdown table that is also readable as plain text. */
export function toTable(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(toCells)];
  const widths = HEAD.map((_, column) => Math.max(3, ...cells.map((row) => size(row[column]))));
  const lines = cells.map((row) => line(row.map((cell, i) => cell.padEnd(widths[i] ?? 0))));
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

function size(cell: string | undefined): number {
  return cell?.length ?? 0;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function toCells(row: Row): string[] {
  const { benchmark, what, unit, ours, peer, theirs, ratio, floor, goal, verdict } = row;
  return [
    benchmark,
    what,
    figure(ours, unit),
    peer,
    typeof theirs === "number" ? figure(theirs, unit) : (theirs ?? ""),
    ratio === undefined ? "" : figure(ratio, "x"),
    bound(floor),
    bound(goal),
    verdict === "not judged" ? "" : verdict,
  ];
}

function bound(one: Bound | undefined): string {
  return one === undefined ? "" : `${one.is === "at most" ? "<=" : ">="} ${one.value}`;
}

/** Three significant digits with thousands separators; a dash for NaN. */
function figure(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  const isWhole = Number.isInteger(value) || size >= 100;
  const digits = isWhole ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const text = value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${text} ${unit}`.trim();
}
