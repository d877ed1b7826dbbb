import { onAbort } from "../base/abort.js";
import { formatAddress, isLoopback, parseAddress } from "../base/address.js";
import { type Clock, systemClock } from "../base/clock.js";
import { malformedResult } from "../base/errors/failures.js";
import { gibbsError } from "../base/errors/reasons.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { checkRequestOptions } from "../base/options/check-request-options.js";
import type { RequestOptions } from "../base/options/common-options.js";
import { fixed } from "../base/options/limits.js";
import { withDefaults } from "../base/options/option-table.js";
import { randomId } from "../base/random.js";
import { HubService } from "../wire/index.js";
import { toMetadataEntries } from "../wire/messages/metadata.js";
import { toRequestOptions } from "../wire/messages/request-options.js";
import { WorkerService } from "../wire/messages/work.js";
import { decodePayload, encodePayload } from "../wire/payload/payload.js";
import type { Outcome, Submission } from "./core/requests/request.js";
import { Engine } from "./engine.js";
import { streamHandler } from "./gate.js";
import { type HubOptions, type HubSettings, hubOptionTable } from "./options.js";
import { Router } from "./router.js";
import { addRoutes } from "./routes.js";
import { ClientStreams } from "./services/client-streams.js";
import { Health } from "./services/health.js";
import { type SubmissionContext, toSubmission } from "./services/submission.js";
import { shutDown } from "./shutdown.js";
import { Listener } from "./transport/listener.js";

/** The state of a hub; it only moves forward. */
type HubState = "new" | "listening" | "draining" | "closed";

/**
 * The hub: callers and workers connect to its one address, and each request
 * goes to a worker that is idle now.
 *
 * ```ts
 * const hub = new Hub({ listen: "127.0.0.1:5019" });
 * await hub.listen();
 * await hub.request(34);
 * await hub.drain();
 * ```
 */
export class Hub {
  readonly #limits: HubSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #engine: Engine;
  readonly #health: Health;
  readonly #listener: Listener;
  readonly #submissions: SubmissionContext;
  readonly #streams = new ClientStreams();
  #state: HubState = "new";
  #address = "";
  #closed: Promise<void> | undefined;

  /** Options that are left out take the defaults documented at {@link HubOptions}. */
  constructor(options: HubOptions = {}) {
    const { clock = systemClock, logger = silentLogger, random = Math.random } = options;
    this.#limits = toLimits(options);
    this.#clock = clock;
    this.#logger = logger;
    this.#health = new Health([HubService.typeName, WorkerService.typeName]);
    const limits = this.#limits;
    const hubId = randomId();
    const prefix = `${hubId}-`;
    const formatId = (request: number): string => prefix + request.toString(36);
    this.#engine = new Engine(limits, clock, random, formatId);
    let lastRequest = 0;
    this.#submissions = { limits, nextRequestId: () => ++lastRequest };
    const { forwardMetadata } = limits;
    const requests = { engine: this.#engine, submissions: this.#submissions, forwardMetadata };
    const isDraining = (): boolean => this.#state !== "listening";
    const router = new Router();
    addRoutes(router, {
      request: { ...requests, clock },
      multiplex: { ...requests, limits, streams: this.#streams, isDraining },
      work: { engine: this.#engine, limits, hubId, logger },
      health: this.#health,
      clock,
    });
    const maxMessageBytes = limits.maxPayloadBytes + fixed.envelopeBytes;
    this.#listener = new Listener(limits, clock, streamHandler(router, maxMessageBytes));
  }

  /** Where the hub listens, such as `127.0.0.1:5019`. Empty before {@link Hub.listen}. */
  get address(): string {
    return this.#address;
  }

  /**
   * Starts listening; returns the address, with the actual port.
   *
   * @throws GibbsError FAILED_PRECONDITION: INSECURE_LISTEN for a non-loopback address without
   * `insecure`, ADDRESS_IN_USE, LISTEN_FAILED, or HUB_STATE when called twice. INVALID_ARGUMENT /
   * BAD_ADDRESS.
   */
  async listen(): Promise<string> {
    if (this.#state !== "new") {
      const message = `this hub is ${this.#state}: call listen() only once`;
      throw gibbsError("HUB_STATE", message);
    }
    const wanted = parseAddress(this.#limits.listen);
    if (!isLoopback(wanted) && !this.#limits.insecure) {
      const message =
        `${this.#limits.listen} can be reached from other machines, and this hub has neither TLS nor ` +
        "tokens: allow it with `insecure: true` (--insecure) if you trust that network";
      throw gibbsError("INSECURE_LISTEN", message);
    }
    this.#state = "listening";
    try {
      this.#address = formatAddress(await this.#listener.bind(wanted));
    } catch (error) {
      if (this.#state === "listening") this.#state = "new";
      throw error;
    }
    this.#logger.info({ address: this.#address }, "hub listening");
    return this.#address;
  }

  /**
   * Makes a request from this process, without a network hop for the caller, with the same
   * promises, limits and errors as through a client.
   *
   * @param input JSON-like data, or bytes.
   * @returns the worker's answer.
   * @throws TypeError if the input cannot be sent, GibbsError with the outcome.
   */
  request<Out = unknown>(input: unknown, options: RequestOptions = {}): Promise<Out> {
    return new Promise((resolve, reject) => {
      const submission = this.#toSubmission(input, options);
      let stopListening = (): void => {};
      const settled = (_callId: number, requestId: string, outcome: Outcome): void => {
        stopListening();
        try {
          resolve(toOutput(outcome, requestId) as Out);
        } catch (error) {
          reject(error);
        }
      };
      const ticket = this.#engine.submit(submission, { settled });
      stopListening = onAbort(options.signal, () => this.#engine.cancel(ticket));
    });
  }

  #toSubmission(input: unknown, options: RequestOptions): Submission {
    checkRequestOptions(options);
    const payload = encodePayload(input);
    const relayed = { payload, method: options.method ?? "", options: toRequestOptions(options) };
    const metadata = toMetadataEntries(options.metadata).filter(({ key }) =>
      this.#limits.forwardMetadata.includes(key),
    );
    return toSubmission(relayed, metadata, options.timeoutMs, undefined, this.#submissions);
  }

  /**
   * Shuts down without losing anything: health reports NOT_SERVING, queued and new requests are
   * rejected with DRAINING, running ones finish, workers are drained, and the port is closed.
   * Whatever is still running after `drainTimeoutMs` is ended.
   */
  drain(): Promise<void> {
    return this.#close(this.#limits.drainTimeoutMs);
  }

  /** Shuts down at once: whatever is running ends with HUB_SHUTDOWN. Also cuts a drain short. */
  close(): Promise<void> {
    this.#engine.tell((core, now) => core.stop(now));
    return this.#close(0);
  }

  #close(drainTimeoutMs: number): Promise<void> {
    this.#closed ??= this.#shutDown(drainTimeoutMs);
    return this.#closed;
  }

  async #shutDown(drainTimeoutMs: number): Promise<void> {
    const running = {
      engine: this.#engine,
      health: this.#health,
      streams: this.#streams,
      listener: this.#state === "listening" ? this.#listener : undefined,
      clock: this.#clock,
    };
    this.#state = "draining";
    await shutDown(running, drainTimeoutMs);
    this.#state = "closed";
    this.#logger.info({ address: this.#address }, "hub closed");
  }
}

function toOutput(outcome: Outcome, requestId: string): unknown {
  if (outcome.kind === "failure") throw outcome.error;
  try {
    return decodePayload(outcome.payload);
  } catch (error) {
    throw malformedResult(error, { requestId, attempts: outcome.info.attempts });
  }
}

/**
 * Keys never forwarded to a worker, which could act in the caller's name, or mistake a key for the
 * hub's own.
 */
const PRIVATE_METADATA = /^(authorization|cookie|gibbs-.*|grpc-.*)$/;

function toLimits(options: HubOptions): HubSettings {
  const limits = withDefaults(hubOptionTable, options);
  const forwardMetadata = limits.forwardMetadata.map((key) => key.toLowerCase());
  const secret = forwardMetadata.find((key) => PRIVATE_METADATA.test(key));
  if (secret !== undefined) {
    const message = `the option forwardMetadata must not name ${secret}: workers must not see it`;
    throw gibbsError("BAD_OPTION", message);
  }
  // A worker must be asked, and have time to answer, before its silence is held against it.
  const third = Math.floor(limits.livenessTimeoutMs / 3);
  const heartbeatIntervalMs = Math.min(limits.heartbeatIntervalMs, third);
  return { ...limits, forwardMetadata, heartbeatIntervalMs };
}
