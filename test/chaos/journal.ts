import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TaskAnswer } from "./task.js";

/** An event that a process records, with its time on the machine's clock in milliseconds. */
export type Note =
  | { kind: "call"; at: number; id: string; client: string; idempotent: boolean; timeoutMs: number }
  | { kind: "outcome"; at: number; id: string; outcome: CallOutcome }
  | { kind: "finished"; at: number; client: string }
  | { kind: "worker"; at: number; worker: string; host: string; slots: number; pid: number }
  | ({ kind: "start"; at: number } & ExecutionNote)
  | ({ kind: "end"; at: number } & ExecutionNote)
  | { kind: "hub"; at: number; message: string; fields: Record<string, unknown> };

/** Identifies one execution; each worker numbers its own. */
export interface ExecutionNote {
  id: string;
  worker: string;
  run: number;
  requestId: string;
  attempt: number;
}

/** How a call ended, as its caller saw it. */
export type CallOutcome =
  | { ok: true; answer: TaskAnswer; requestId: string; attempts: number }
  | {
      ok: false;
      code: string;
      reason: string;
      execution: string;
      attempts: number;
      requestId: string | undefined;
      retryAfterMs: number | undefined;
      message: string;
    };

/**
 * Records what one process does, as one line of JSON per note. A note is in the kernel's hands
 * before `write` returns, so a killed process loses none.
 */
export class Journal {
  readonly #fd: number;

  /**
   * @param folder with the run's journals.
   * @param name of this process.
   */
  constructor(folder: string, name: string) {
    this.#fd = openSync(join(folder, `${name}.jsonl`), "a");
  }

  write(note: Note): void {
    writeSync(this.#fd, `${JSON.stringify(note)}\n`);
  }
}

/** All notes of a run's processes, by kind. */
export type Notes = { [K in Note["kind"]]: Extract<Note, { kind: K }>[] };

/** Reads all journals of a run. */
export function readJournals(folder: string): Notes {
  const notes: Notes = {
    call: [],
    outcome: [],
    finished: [],
    worker: [],
    start: [],
    end: [],
    hub: [],
  };
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".jsonl"))) {
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      if (line === "") continue;
      const note = JSON.parse(line) as Note;
      (notes[note.kind] as Note[]).push(note);
    }
  }
  return notes;
}
