import { percentile } from "./stats.js";

/** The values of one system. */
export interface Tail {
  name: string;
  /** In milliseconds. */
  values: readonly number[];
}

const WIDTH = 760;
const HEIGHT = 400;
/** The plot area, right of the axis labels and left of the names. */
const FIELD = { left: 64, right: 560, top: 72, bottom: 336 };
/** The largest percentile drawn. */
const LAST_SHARE = 0.999;
const STEPS = 120;
/** How far a value may lie outside the first and the last tick. */
const ROUNDING = 1.1;
/** The height of a name and the figure below it. */
const NAME_HEIGHT = 36;

/** Colour-blind-safe colours, for a light and a dark panel. */
const lines = [
  { light: "#6b6b6b", dark: "#a8a8a8", dash: "5 4" },
  { light: "#0b6bcb", dark: "#5aa9ff", dash: "" },
  { light: "#a15c00", dark: "#e0a040", dash: "" },
  { light: "#b3261e", dark: "#ff8a80", dash: "" },
];

/**
 * An SVG chart of tail latency: for each share of requests, the time within which they are
 * answered. Both axes are logarithmic. It includes its own background so that it is readable on any
 * page.
 */
export function drawTails(title: string, subtitle: string, tails: readonly Tail[]): string {
  const times = tails.flatMap(({ values }) => [
    percentile(values, 0),
    percentile(values, LAST_SHARE),
  ]);
  const scale = timeScale(Math.min(...times), Math.max(...times));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${subtitle}">`,
    style(),
    `<rect class="panel" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    `<text x="16" y="28" class="title">${title}</text>`,
    `<text x="16" y="46">${subtitle}</text>`,
    ...timeAxis(scale),
    ...shareAxis(),
    ...tails.map((tail, i) => curve(tail, i, scale)),
    ...names(tails, scale),
    "</svg>",
    "",
  ].join("\n");
}

interface TimeScale {
  y(ms: number): number;
  ticks: number[];
}

function timeScale(min: number, max: number): TimeScale {
  const ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
  const from = ticks.findLast((tick) => tick <= min * ROUNDING) ?? 1;
  const to = ticks.find((tick) => tick * ROUNDING >= max) ?? max;
  const span = Math.log(to / from);
  const height = FIELD.bottom - FIELD.top;
  return {
    y: (ms) => FIELD.bottom - (Math.log(Math.max(ms, from) / from) / span) * height,
    ticks: ticks.filter((tick) => tick >= from && tick <= to),
  };
}

/** The position of a share: 0.9, 0.99 and 0.999 are equally spaced. */
function x(share: number): number {
  const width = FIELD.right - FIELD.left;
  return FIELD.left + (Math.log(1 - share) / Math.log(1 - LAST_SHARE)) * width;
}

function timeAxis({ y, ticks }: TimeScale): string[] {
  return ticks.flatMap((ms) => [
    `<path class="grid" d="M${FIELD.left} ${round(y(ms))}H${FIELD.right}"/>`,
    `<text x="${FIELD.left - 8}" y="${round(y(ms) + 4)}" text-anchor="end">${ms} ms</text>`,
  ]);
}

function shareAxis(): string[] {
  const ticks = [0, 0.5, 0.9, 0.99, 0.999].map((share) => {
    const label = share === 0 ? "fastest" : `${Number((share * 100).toFixed(1))} %`;
    return `<text x="${round(x(share))}" y="${FIELD.bottom + 20}" text-anchor="middle">${label}</text>`;
  });
  const middle = (FIELD.left + FIELD.right) / 2;
  const what = "share of requests that are answered within the time";
  return [
    ...ticks,
    `<text x="${middle}" y="${FIELD.bottom + 44}" text-anchor="middle">${what}</text>`,
  ];
}

function curve({ values }: Tail, index: number, { y }: TimeScale): string {
  const points = Array.from({ length: STEPS + 1 }, (_, step) => {
    const share = 1 - (1 - LAST_SHARE) ** (step / STEPS);
    return `${round(x(share))} ${round(y(percentile(values, share)))}`;
  });
  return `<path class="line line${index}" d="M${points.join("L")}"/>`;
}

/** Names and p99 figures at the ends of the lines, moved down where they would overlap. */
function names(tails: readonly Tail[], { y }: TimeScale): string[] {
  const left = FIELD.right + 12;
  let free = 0;
  return tails
    .map(({ name, values }, index) => {
      const p99 = Math.round(percentile(values, 0.99));
      return { name, index, p99, end: y(percentile(values, LAST_SHARE)) };
    })
    .sort((a, b) => a.end - b.end)
    .flatMap(({ name, index, end, p99 }) => {
      const at = Math.max(end, free);
      free = at + NAME_HEIGHT;
      return [
        `<text x="${left}" y="${round(at)}" class="name name${index}">${name}</text>`,
        `<text x="${left}" y="${round(at + 15)}">99 % within ${p99} ms</text>`,
      ];
    });
}

function style(): string {
  const colours = (theme: "light" | "dark"): string =>
    lines
      .map((line, i) => `.line${i}{stroke:${line[theme]}}.name${i}{fill:${line[theme]}}`)
      .join("");
  const dashes = lines.map(({ dash }, i) => (dash ? `.line${i}{stroke-dasharray:${dash}}` : ""));
  return `<style>
text{font:12px system-ui,sans-serif;fill:#3b3b3b}.title{font-size:13px;font-weight:600}.name{font-weight:600}
.panel{fill:#fff;stroke:#d0d0d0}.grid{stroke:#e4e4e4}.line{fill:none;stroke-width:2}${dashes.join("")}
${colours("light")}
@media (prefers-color-scheme:dark){text{fill:#d6d6d6}.panel{fill:#161b22;stroke:#3a3f46}.grid{stroke:#2c3138}${colours("dark")}}
</style>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
