import type { Readable } from "node:stream";
import { InvalidArgumentError } from "commander";
import { type Clock, delay } from "../../base/clock.js";
import { describeError, GibbsError } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";
import type { RequestOptions } from "../../base/options/common-options.js";
import { MiB } from "../../base/options/units.js";
import type { Answer, Client } from "../../client/client.js";
import { mapConcurrently } from "../../client/map.js";
import { clientOptionTable } from "../../client/options.js";
import { describeOutput } from "../output.js";
import { type Line, parseLine, readLines } from "./lines.js";

/** How long to wait before retrying a full hub that gives no hint, in milliseconds. */
const FULL_PAUSE_MS = 500;

/** Longest input line, in bytes: a JSON escape may take six bytes for one byte of payload. */
const MAX_LINE_BYTES = 24 * MiB;

/** The maximum size of all input lines in flight, in bytes. */
const MAX_LINES_BYTES = 64 * MiB;

/** What a run does, and what it needs to do it. */
export interface MapPlan {
  client: Client;
  clock: Clock;
  options: RequestOptions;
  concurrency: number;
  /** Number of lines already answered. */
  skip: number;
  /** Whether a failure becomes an output line instead of ending the run. */
  keepGoing: boolean;
  /** Whether every output line states its kind. */
  describe: boolean;
}

/** The outcome of one input. */
interface Outcome extends Omit<Line, "bytes"> {
  result: Answer<unknown> | GibbsError;
}

/** Sends a request for every input line and yields the answer lines in input order. */
export class MapRun {
  /** The number of lines that have an answer, including those from earlier runs. */
  done: number;
  /** The number of answers from this run that are errors. */
  failed = 0;
  /** How much of the input has been answered, in bytes. */
  position = 0;
  /** What ended the run early; `line`, from 1, is set if an input did. */
  failure: { error: unknown; line?: number } | undefined;
  /** Whether every input has its output line. */
  isComplete = false;
  readonly #inputs: Readable;
  readonly #plan: MapPlan;
  readonly #givenUp = new AbortController();
  #moved: () => void = () => {};
  #isDraining = false;
  #isReadWholly = false;

  constructor(inputs: Readable, plan: MapPlan) {
    this.#inputs = inputs;
    this.#plan = plan;
    this.done = plan.skip;
  }

  /** Yields the answer lines. Never throws: see `failure`. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    const { concurrency } = this.#plan;
    const ask = (line: Line): Promise<Outcome> => this.#ask(line);
    try {
      const how = { concurrency, ordered: true };
      for await (const { number, endsAt, result } of mapConcurrently(this.#read(), ask, how)) {
        if (this.#givenUp.signal.aborted) return;
        if (result instanceof GibbsError) {
          if (!this.#isPassedOver(result)) {
            this.failure = { error: result, line: number };
            return;
          }
          this.failed += 1;
        }
        this.done = number;
        this.position = endsAt;
        this.#moved();
        yield `${this.#format(result)}\n`;
      }
      this.isComplete = this.#isReadWholly;
    } catch (error) {
      this.failure = { error };
    } finally {
      this.giveUp();
    }
  }

  /** Stops reading input; requests in flight finish. */
  drain(): void {
    this.#isDraining = true;
    this.#inputs.destroy();
    this.#moved();
  }

  /** Ends the run at once. */
  giveUp(): void {
    this.drain();
    this.#givenUp.abort();
  }

  async *#read(): AsyncGenerator<Line, void, undefined> {
    const { skip } = this.#plan;
    let count = 0;
    try {
      for await (const line of readLines(this.#inputs, MAX_LINE_BYTES)) {
        if (this.#isDraining) return;
        count = line.number;
        if (count <= skip) this.position = line.endsAt;
        else {
          await this.#room(line);
          yield line;
        }
      }
    } catch (error) {
      if (!this.#isDraining) throw error;
    }
    if (this.#isDraining) return;
    if (count < skip) {
      throw new InvalidArgumentError(
        `there are ${skip} answers already, but only ${count} inputs: --out has answers to other inputs`,
      );
    }
    this.#isReadWholly = true;
  }

  /** Waits until the line fits within the limit on bytes in flight. */
  async #room({ bytes, endsAt }: Line): Promise<void> {
    if (bytes === undefined) return;
    while (endsAt - this.position > MAX_LINES_BYTES && !this.#isDraining) {
      await new Promise<void>((resolve) => {
        this.#moved = resolve;
      });
    }
  }

  async #ask(line: Line): Promise<Outcome> {
    const { number, endsAt } = line;
    let result: Outcome["result"];
    try {
      result = await this.#request(parseLine(line));
    } catch (error) {
      result = toGibbsError(error);
      if (!this.#isPassedOver(result)) this.drain();
    }
    return { number, endsAt, result };
  }

  /**
   * Sends a request and retries while the hub is full, which slows the run down but loses no
   * answers.
   */
  async #request(input: unknown): Promise<Answer<unknown>> {
    const { client, clock, options } = this.#plan;
    const { signal } = this.#givenUp;
    const until = clock.now() + (options.timeoutMs ?? clientOptionTable.timeoutMs.default);
    for (;;) {
      try {
        const timeoutMs = Math.max(0, until - clock.now());
        return await client.requestWithInfo(input, { ...options, timeoutMs, signal });
      } catch (error) {
        const pauseMs = isFull(error)
          ? (error.retryAfterMs ?? FULL_PAUSE_MS)
          : Number.POSITIVE_INFINITY;
        if (signal.aborted || clock.now() + pauseMs >= until) throw error;
        await delay(clock, pauseMs, signal);
        // A process that was suspended comes out of its pause late.
        if (clock.now() >= until) throw error;
      }
    }
  }

  /**
   * Whether the error is written instead of an answer. Inputs that did not run are left for a later
   * run.
   */
  #isPassedOver({ execution, code, reason }: GibbsError): boolean {
    if (!this.#plan.keepGoing || reason === "NOT_A_HUB") return false;
    return execution !== "NOT_STARTED" || code === "INVALID_ARGUMENT";
  }

  #format(result: Outcome["result"]): string {
    if (result instanceof GibbsError) return JSON.stringify({ error: describeError(result) });
    const { output, ...info } = result;
    if (this.#plan.describe) return JSON.stringify({ ...describeOutput(output), info });
    return JSON.stringify(output instanceof Uint8Array ? describeOutput(output) : output);
  }
}

function isFull(error: unknown): error is GibbsError {
  if (!(error instanceof GibbsError)) return false;
  return error.code === "RESOURCE_EXHAUSTED" && error.execution === "NOT_STARTED";
}

/**
 * Converts the failure of an input to a GibbsError; a TypeError means that the input cannot be
 * sent.
 */
function toGibbsError(error: unknown): GibbsError {
  if (error instanceof GibbsError) return error;
  if (!(error instanceof TypeError)) throw error;
  return gibbsError("BAD_LINE", error.message, { execution: "NOT_STARTED", cause: error });
}
