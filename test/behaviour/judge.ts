import type { CallerName, Case, Data, Told } from "./case.js";
import { toAll } from "./data.js";

/** What a runner reports of a request or a map: as in {@link Told}, with all that is known. */
export interface Reported {
  answer?: Data;
  answers?: readonly Data[];
  yielded?: number;
  code?: string;
  reason?: string;
  execution?: string;
  attempts?: number;
  requestId?: string;
  workerId?: string;
  message?: string;
  /** Undefined without a hint. */
  retryAfterMs?: number;
  details?: readonly { typeUrl: string; hex: string }[];
  hasRemoteType?: boolean;
  hasTimes?: boolean;
}

/** What the hub, as a caller in its own process, does not say of an answer. */
const details: readonly (keyof Told)[] = ["attempts", "requestId", "workerId", "hasTimes"];

/** Everything in which what callers were told, and workers had, is not as the case says. */
export function judge(
  caller: CallerName,
  one: Case,
  reported: Readonly<Record<string, Reported>>,
  jobs: number,
): string[] {
  const wrong = Object.entries(one.told).flatMap(([name, told]) => {
    const got = reported[name];
    if (got === undefined) return [`${name} was not reported`];
    const fields = Object.keys(told) as (keyof Told)[];
    const isPlain = caller === "typescript-hub" && got.answer !== undefined;
    return fields
      .filter((field) => !isPlain || !details.includes(field))
      .filter((field) => !fits(field, told, got))
      .map((field) => `${name}: ${field} is not ${JSON.stringify(told[field])}: ${show(got)}`);
  });
  if (one.jobs !== undefined && one.jobs !== jobs) {
    wrong.push(`the workers had ${jobs} jobs, not ${one.jobs}`);
  }
  return wrong.map((what) => `${one.name}: ${what}`);
}

function fits(field: keyof Told, told: Told, got: Reported): boolean {
  switch (field) {
    case "message":
      return got.message?.includes(told.message ?? "") === true;
    case "maxMessageBytes":
      return Buffer.byteLength(got.message ?? "") <= (told.maxMessageBytes ?? 0);
    case "sorted":
      return true;
    case "answers":
      return same(order(toAll(told.answers ?? []), told), order(got.answers, told));
    case "retryAfterMs":
      return typeof told.retryAfterMs === "number"
        ? got.retryAfterMs === told.retryAfterMs
        : (got.retryAfterMs !== undefined) === told.retryAfterMs;
    default: {
      const wanted = told[field];
      if (!Array.isArray(wanted) || field === "details") return same(wanted, got[field]);
      return wanted.includes(got[field]);
    }
  }
}

function order(answers: readonly Data[] = [], { sorted = false }: Told): readonly string[] {
  const texts = answers.map(canonical);
  return sorted ? texts.sort() : texts;
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function show(got: Reported): string {
  const text = JSON.stringify(got);
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
