import type { Clock, Timer } from "../../base/clock.js";

/** How often a terminal is updated, in milliseconds. */
const TERMINAL_MS = 200;
/** How often a line is written to a log, in milliseconds. */
const LOG_MS = 60_000;
/** The number of most recent samples from which the rate is computed. */
const WINDOW = 50;
const BAR_WIDTH = 20;

/** Where progress is written: stderr, or a stand-in for it. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** The progress of a run so far. */
export interface Tally {
  done: number;
  failed: number;
  /** How much of the input has been answered, in bytes. */
  position: number;
}

interface Sample {
  at: number;
  done: number;
  position: number;
}

/**
 * Shows the progress of a run: on a terminal as one line that is redrawn, elsewhere as an
 * occasional new line. It polls on its own timer, so it costs the run nothing.
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #clock: Clock;
  readonly #look: () => Tally;
  readonly #totalBytes: number | undefined;
  readonly #start: Tally;
  #samples: Sample[] = [];
  #timer: Timer;

  /** @param totalBytes size of the whole input; undefined if unknown. */
  constructor(
    stream: ProgressStream,
    clock: Clock,
    look: () => Tally,
    totalBytes: number | undefined,
  ) {
    this.#stream = stream;
    this.#clock = clock;
    this.#look = look;
    this.#totalBytes = totalBytes;
    this.#start = { ...look() };
    this.#timer = this.#next();
  }

  /** Prints another message on its own line. */
  say(message: string): void {
    this.#stream.write(`${this.#stream.isTTY ? clearLine : ""}${message}\n`);
  }

  /** Stops; a terminal keeps showing the last state. */
  stop(): void {
    this.#timer.cancel();
    if (this.#stream.isTTY) this.say(this.#text());
  }

  #next(): Timer {
    return this.#clock.setTimer(this.#stream.isTTY ? TERMINAL_MS : LOG_MS, () => {
      if (this.#stream.isTTY) this.#stream.write(clearLine + this.#text());
      else this.say(`gibbs map: ${this.#text()}`);
      this.#timer = this.#next();
    });
  }

  #text(): string {
    const { done, failed, position } = this.#look();
    const { answers, bytes } = this.#rates({ at: this.#clock.now(), done, position });
    const total = this.#totalBytes;
    const parts = [`${count(done)} done`];
    if (failed > 0) parts.push(`${count(failed)} failed`);
    if (answers > 0) parts.push(`${answers < 10 ? answers.toFixed(1) : count(answers)}/s`);
    if (total !== undefined) {
      parts.unshift(bar(total === 0 ? 1 : Math.min(1, position / total)));
      if (bytes > 0 && position < total) parts.push(`${span((total - position) / bytes)} left`);
    }
    const text = parts.join("  ");
    // A wrapped line could not be overwritten. Some terminals do not report their width.
    return this.#stream.isTTY ? text.slice(0, (this.#stream.columns || 80) - 1) : text;
  }

  /** Returns recent answers and bytes per second, not counting work done before this run. */
  #rates(sample: Sample): { answers: number; bytes: number } {
    if (sample.done > this.#start.done) this.#samples.push(sample);
    if (this.#samples.length > WINDOW) this.#samples.shift();
    const [first = sample] = this.#samples;
    const seconds = (sample.at - first.at) / 1000;
    if (seconds <= 0) return { answers: 0, bytes: 0 };
    return {
      answers: (sample.done - first.done) / seconds,
      bytes: (sample.position - first.position) / seconds,
    };
  }
}

const clearLine = "\r\u001b[K";

function bar(part: number): string {
  const filled = Math.floor(part * BAR_WIDTH);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${"=".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}] ${percent}%`;
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

/** Formats a duration, such as `12s`, `3m05s` or `2h07m`. */
function span(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number: number): string => String(number).padStart(2, "0");
  if (hours > 0) return `${hours}h${two(minutes)}m`;
  return minutes > 0 ? `${minutes}m${two(whole % 60)}s` : `${whole}s`;
}
