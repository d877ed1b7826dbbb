import { faults } from "./actions.js";
import { behaviours } from "./actors/executor.js";
import { misdeeds } from "./actors/rogue.js";
import { clientMisdeeds } from "./actors/rogue-client.js";
import { coreEvents, effectKinds } from "./oracle/core-watch.js";
import { reasons } from "./oracle/verdict.js";

/** Everything that a long enough run must have seen, by group. */
const wanted: Record<string, readonly string[]> = {
  "core event": coreEvents,
  effect: effectKinds,
  outcome: ["OK", ...reasons],
  "stream end": [
    "OK",
    "PROTOCOL_VIOLATION",
    "SUPERSEDED",
    "CANCEL_IGNORED",
    "HELLO_TIMEOUT",
    "WORKER_SILENT",
    "DRAINING",
    "TOO_MANY_WORKERS",
  ],
  "client outcome": [
    "OK",
    "CLIENT_CANCELLED",
    "CLIENT_CLOSED",
    "CONNECTION_LOST",
    "NOT_CONNECTED",
    "NO_ANSWER",
    "DRAINING",
    "PAYLOAD_TOO_LARGE",
    "MESSAGE_TOO_LARGE",
    "RESULT_MALFORMED",
    "OUTBOX_FULL",
    "SLOW_READER",
    "WORKER_LOST",
  ],
  "client stream end": ["OK", "PROTOCOL_VIOLATION", "DRAINING"],
  multiplex: [
    "a stream breaks with calls open",
    "sent again after a loss",
    "sent again after a drain",
    "a hub drains with calls open",
    "the hub waits for a reader",
    "a slow reader is reset",
    "two unread messages are due",
    "a client waits for its hub",
    "a second open id",
    "ids wrap",
    "a cancel crosses an answer",
    "a cancel is answered",
    "a second stream",
    "goes away with calls open",
  ],
  worker: ["hands over", "hands over with jobs in flight"],
  "client misdeed": clientMisdeeds,
  state: ["an idle worker held back", "a worker's socket full"],
  fault: [...faults, "result repeated"],
  handler: behaviours,
  misdeed: misdeeds,
};

/** Counts what the runs have seen. */
export class Coverage {
  readonly #counts = new Map<string, Map<string, number>>(
    Object.entries(wanted).map(([group, names]) => [group, new Map(names.map((n) => [n, 0]))]),
  );

  readonly count = (group: string, name: string): void => {
    const counts = this.#counts.get(group);
    counts?.set(name, (counts.get(name) ?? 0) + 1);
  };

  /** What no run has seen, as `group: name`. */
  get missing(): string[] {
    return [...this.#counts].flatMap(([group, counts]) =>
      [...counts].filter(([, count]) => count === 0).map(([name]) => `${group}: ${name}`),
    );
  }

  /** One line per group. */
  toString(): string {
    const lines = [...this.#counts].map(([group, counts]) => {
      const items = [...counts].map(([name, count]) => `${name} ${count}`);
      return `${group.padEnd(17)} ${items.join(", ")}`;
    });
    return lines.join("\n");
  }
}
