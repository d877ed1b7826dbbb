import type { Notes } from "./journal.js";

/** When a fault hit, and what it hit: a process, a worker, or `hub`. */
export interface Strike {
  kind: string;
  at: number;
  target: string;
}

/** What the faults of one kind hit. */
export interface Coverage {
  hits: number;
  /** Number of hits on a target with requests in flight. */
  hitsWithWork: number;
  /** Total number of requests in flight at those hits. */
  requestsInFlight: number;
}

/** A span of the machine's time, in milliseconds. */
interface Span {
  from: number;
  to: number;
}

/**
 * Counts what each kind of fault hit. In flight at a worker, or at a process of workers, are its
 * executions; at a client, its calls without an outcome; at the hub, those of all clients.
 */
export function coverage(strikes: readonly Strike[], notes: Notes): Record<string, Coverage> {
  const spans = spansByTarget(notes);
  const covered: Record<string, Coverage> = {};
  for (const { kind, at, target } of strikes) {
    covered[kind] ??= { hits: 0, hitsWithWork: 0, requestsInFlight: 0 };
    const inFlight = (spans.get(target) ?? []).filter(({ from, to }) => from <= at && at < to);
    covered[kind].hits += 1;
    covered[kind].hitsWithWork += inFlight.length > 0 ? 1 : 0;
    covered[kind].requestsInFlight += inFlight.length;
  }
  return covered;
}

/**
 * Counts what callers did to their own calls, in the same terms: a call counts as in flight if it
 * had begun to run.
 */
export function callersCoverage(notes: Notes, hurryMs: number): Record<string, Coverage> {
  const ran = new Set(notes.start.map(({ id }) => id));
  const hurried = new Set(
    notes.call.filter(({ timeoutMs }) => timeoutMs <= hurryMs).map(({ id }) => id),
  );
  const cover = (ids: readonly string[]): Coverage => {
    const running = ids.filter((id) => ran.has(id)).length;
    return { hits: ids.length, hitsWithWork: running, requestsInFlight: running };
  };
  const failed = notes.outcome.filter(({ outcome }) => !outcome.ok);
  const endedAs = (code: string) =>
    failed.filter(({ outcome }) => !outcome.ok && outcome.code === code).map(({ id }) => id);
  return {
    "caller: cancels": cover(endedAs("CANCELLED")),
    "caller: short deadline": cover(endedAs("DEADLINE_EXCEEDED").filter((id) => hurried.has(id))),
  };
}

function spansByTarget(notes: Notes): Map<string, Span[]> {
  const spans = new Map<string, Span[]>([["hub", []]]);
  const add = (target: string, span: Span): void => {
    const known = spans.get(target);
    if (known === undefined) spans.set(target, [span]);
    else known.push(span);
  };
  const outcomeAt = new Map(notes.outcome.map(({ id, at }) => [id, at]));
  for (const { id, client, at } of notes.call) {
    const span = { from: at, to: outcomeAt.get(id) ?? Number.POSITIVE_INFINITY };
    add(client, span);
    add("hub", span);
  }
  const hosts = new Map(notes.worker.map(({ worker, host }) => [worker, host]));
  const endAt = new Map(notes.end.map(({ worker, run, at }) => [`${worker} ${run}`, at]));
  for (const { worker, run, at } of notes.start) {
    const to = endAt.get(`${worker} ${run}`) ?? Number.POSITIVE_INFINITY;
    const host = hosts.get(worker);
    add(worker, { from: at, to });
    if (host !== undefined && host !== worker) add(host, { from: at, to });
  }
  return spans;
}
