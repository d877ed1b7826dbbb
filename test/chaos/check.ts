import type { Note, Notes } from "./journal.js";
import { answerTo } from "./task.js";

/** What must never happen: the name and description of each rule. */
export const rules = {
  lost: "a call of a surviving client has no outcome",
  late: "a call outlived its deadline and the grace period",
  answeredTwice: "a call has more than one outcome",
  wrongAnswer: "a caller got something other than the answer to its task",
  ranTwice: "a call that is not idempotent was executed more than once",
  tooManyAttempts: "a request was executed more often than its attempts allow",
  attemptRanTwice: "one attempt of a request was executed more than once",
  understated: "a caller was told of fewer attempts than were executed",
  notStartedRan: "a call ended as NOT_STARTED but was executed",
  finishedNeverRan: "a call ended as answered or FINISHED but no execution of it ended",
  overbooked: "a worker executed more at once than it has slots",
  unasked: "a worker executed a task that no caller asked for",
} as const;

/** One of {@link rules}. */
export type Rule = keyof typeof rules;

/** A case in which a rule was broken. */
export interface Violation {
  rule: Rule;
  /** The id of the call or the worker. */
  id: string;
  detail: string;
}

/** What the checker tolerates. */
export interface CheckOptions {
  /** How many times a hub may execute an idempotent call that was submitted once. Default 3. */
  maxAttempts?: number;
  /**
   * How many times a client may submit an idempotent call under the same request id, which it does
   * when its connection breaks. Default 1.
   */
  maxSubmissions?: number;
  /** How long after the deadline a caller may still learn its outcome, in milliseconds. */
  graceMs: number;
}

/** Everything known about one call. */
interface CallHistory {
  call: Extract<Note, { kind: "call" }>;
  outcomes: Extract<Note, { kind: "outcome" }>[];
  starts: Extract<Note, { kind: "start" }>[];
  ends: number;
}

/**
 * Checks what all processes recorded against the hub's promises. Returns an empty list if none was
 * broken.
 */
export function check(notes: Notes, options: CheckOptions): Violation[] {
  const histories = new Map<string, CallHistory>();
  for (const call of notes.call) {
    histories.set(call.id, { call, outcomes: [], starts: [], ends: 0 });
  }
  const strays = notes.start.filter(({ id }) => !histories.has(id));
  for (const outcome of notes.outcome) histories.get(outcome.id)?.outcomes.push(outcome);
  for (const start of notes.start) histories.get(start.id)?.starts.push(start);
  for (const { id } of notes.end) {
    const history = histories.get(id);
    if (history !== undefined) history.ends += 1;
  }
  const lived = new Set(notes.finished.map(({ client }) => client));
  const broken = Array.from(histories.values(), (history) => [
    ...checkOutcomes(history, lived, options),
    ...checkExecutions(history, options),
  ]).flat();
  const unasked = strays.map(({ id, worker }) => violation("unasked", id, `by ${worker}`));
  return [...broken, ...unasked, ...checkSlots(notes)];
}

function violation(rule: Rule, id: string, detail: string): Violation {
  return { rule, id, detail };
}

/** Checks that the caller got exactly one outcome, that it was right, and that it came in time. */
function checkOutcomes(
  { call, outcomes }: CallHistory,
  lived: ReadonlySet<string>,
  { graceMs }: CheckOptions,
): Violation[] {
  const { id } = call;
  const broken: Violation[] = [];
  if (outcomes.length === 0 && lived.has(call.client)) {
    broken.push(violation("lost", id, `called by ${call.client}`));
  }
  if (outcomes.length > 1) {
    broken.push(violation("answeredTwice", id, `${outcomes.length} outcomes`));
  }
  for (const { at, outcome } of outcomes) {
    const tookMs = at - call.at;
    if (tookMs > call.timeoutMs + graceMs) {
      const detail = `took ${Math.round(tookMs)} ms, ${call.timeoutMs} ms were allowed`;
      broken.push(violation("late", id, detail));
    }
    if (!outcome.ok) continue;
    const right = answerTo(id);
    if (outcome.answer?.id !== right.id || outcome.answer.digest !== right.digest) {
      broken.push(violation("wrongAnswer", id, JSON.stringify(outcome.answer)));
    }
  }
  return broken;
}

/** Checks that the executions match what the caller asked for and what it was told. */
function checkExecutions(history: CallHistory, options: CheckOptions): Violation[] {
  const { call, outcomes, starts, ends } = history;
  const { id } = call;
  const { maxAttempts = 3 } = options;
  const maxSubmissions = call.idempotent ? (options.maxSubmissions ?? 1) : 1;
  const broken: Violation[] = [];
  if (!call.idempotent && starts.length > 1) {
    broken.push(violation("ranTwice", id, starts.map(({ worker }) => worker).join(", ")));
  }
  for (const [requestId, attempts] of attemptsByRequest(starts)) {
    if (attempts.length > maxAttempts * maxSubmissions) {
      broken.push(violation("tooManyAttempts", id, `${attempts.length} times as ${requestId}`));
    }
    if (mostOften(attempts) > maxSubmissions) {
      broken.push(violation("attemptRanTwice", id, `attempts ${attempts} of ${requestId}`));
    }
  }
  for (const { outcome } of outcomes) {
    const ran = starts.filter(({ requestId }) => requestId === outcome.requestId).length;
    if (ran > outcome.attempts + maxAttempts * (maxSubmissions - 1)) {
      broken.push(violation("understated", id, `${ran} executed, ${outcome.attempts} reported`));
    }
    if (!outcome.ok && outcome.execution === "NOT_STARTED" && starts.length > 0) {
      const where = starts.map(({ worker }) => worker).join(", ");
      broken.push(violation("notStartedRan", id, `${outcome.reason}, executed by ${where}`));
    }
    if ((outcome.ok || outcome.execution === "FINISHED") && ends === 0) {
      broken.push(violation("finishedNeverRan", id, `${starts.length} executions started`));
    }
  }
  return broken;
}

function attemptsByRequest(starts: CallHistory["starts"]): Map<string, number[]> {
  const attempts = new Map<string, number[]>();
  for (const { requestId, attempt } of starts) {
    const known = attempts.get(requestId);
    if (known === undefined) attempts.set(requestId, [attempt]);
    else known.push(attempt);
  }
  return attempts;
}

/** Returns how many times the most frequent value occurs. */
function mostOften(values: readonly number[]): number {
  return Math.max(...values.map((value) => values.filter((other) => other === value).length));
}

/** Checks that no worker ever executed more at once than it has slots. */
function checkSlots(notes: Notes): Violation[] {
  const slots = new Map(notes.worker.map((note) => [note.worker, note.slots]));
  const running = new Map<string, number>();
  const overbooked = new Map<string, number>();
  // A worker's own notes are in journal order, which the sort preserves.
  for (const { kind, worker } of [...notes.start, ...notes.end].sort(inOrder)) {
    const now = (running.get(worker) ?? 0) + (kind === "start" ? 1 : -1);
    running.set(worker, now);
    if (now > (slots.get(worker) ?? 0)) {
      overbooked.set(worker, Math.max(now, overbooked.get(worker) ?? 0));
    }
  }
  return Array.from(overbooked, ([worker, most]) =>
    violation("overbooked", worker, `${most} at once with ${slots.get(worker) ?? 0} slots`),
  );
}

function inOrder(a: { at: number; kind: string }, b: { at: number; kind: string }): number {
  // At the same instant, an end sorts before a start.
  return a.at - b.at || a.kind.localeCompare(b.kind);
}
