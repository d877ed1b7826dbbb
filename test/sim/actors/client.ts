import { EventEmitter } from "node:events";
import type { Chance } from "../machine/chance.js";
import type { SimProcess } from "../machine/process.js";

/** A client with one connection to the hub, on which it reads its answers. */
export class Client {
  /** What tells its connection from others. */
  readonly session = {};
  /** Until then it reads nothing. */
  deafUntil = 0;
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  delay(): number {
    return this.#chance.span(0.125, 5);
  }
}

/** Who watches what becomes of an answer. */
export interface AnswerObserver {
  /** Its caller has it, or is gone: about to be told. */
  taken(): void;
  /** The hub takes it back. */
  abandoned(): void;
}

/** The HTTP/2 stream of a request, as far as `src/hub/request-handler` uses it. */
export class CallStream extends EventEmitter {
  destroyed = false;
  readonly #client: Client;
  readonly #hub: SimProcess;
  readonly #observer: AnswerObserver;

  constructor(client: Client, hub: SimProcess, observer: AnswerObserver) {
    super();
    this.#client = client;
    this.#hub = hub;
    this.#observer = observer;
  }

  get session(): object {
    return this.#client.session;
  }

  /** The hub has answered: the client takes the answer as soon as it reads. */
  answered(): void {
    const at = Math.max(this.#hub.now(), this.#client.deafUntil) + this.#client.delay();
    this.#hub.input(at, () => {
      if (this.#client.deafUntil > this.#hub.now()) this.answered();
      else this.gone();
    });
  }

  /** The stream is over: the caller took its answer, or gave the call up. */
  gone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#observer.taken();
    this.emit("close");
  }

  /** The hub resets the stream. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#observer.abandoned();
    this.#hub.input(this.#hub.now(), () => this.emit("close"));
  }
}
