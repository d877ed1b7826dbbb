/** What a call does with the bytes that arrive on it. */
export type ReadState = "reading" | "paused" | "unpacking" | "unpacking-paused" | "ended";

/**
 * The events that change it: `unpack` marks the start of a compressed message, `unpacked` its end.
 */
type ReadEvent = "pause" | "resume" | "unpack" | "unpacked" | "end";

const transitions: Record<ReadState, Partial<Record<ReadEvent, ReadState>>> = {
  reading: { pause: "paused", resume: "reading", unpack: "unpacking", end: "ended" },
  paused: { pause: "paused", resume: "reading", unpack: "unpacking-paused", end: "ended" },
  unpacking: {
    pause: "unpacking-paused",
    resume: "unpacking",
    unpacked: "reading",
    end: "ended",
  },
  "unpacking-paused": {
    pause: "unpacking-paused",
    resume: "unpacking",
    unpacked: "paused",
    end: "ended",
  },
  ended: { resume: "ended", unpacked: "ended", end: "ended" },
};

/**
 * Returns the next state:
 *
 * | from | pause | resume | unpack | unpacked | end |
 * |---|---|---|---|---|---|
 * | reading: messages go to the listener | paused | reading | unpacking | | ended |
 * | paused: no more is read, but what has arrived goes to the listener | paused | reading | unpacking-paused | | ended |
 * | unpacking: what follows the compressed message waits | unpacking-paused | unpacking | | reading | ended |
 * | unpacking-paused: both of the above | unpacking-paused | unpacking | | paused | ended |
 * | ended: what arrives is dropped | | ended | | ended | ended |
 *
 * @throws Error where the table has no entry.
 */
export function transition(from: ReadState, event: ReadEvent): ReadState {
  const to = transitions[from][event];
  if (to === undefined) throw new Error(`no ${event} while a call is ${from}`);
  return to;
}
