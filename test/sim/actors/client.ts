import type { StatusObject } from "@grpc/grpc-js";
import { ANONYMOUS } from "../../../src/hub/transport/identity.js";
import type {
  CallHandler,
  CallListener,
  ServerCall,
} from "../../../src/hub/transport/server-call.js";
import type { Chance } from "../machine/chance.js";
import type { SimProcess } from "../machine/process.js";

/** A client with one connection to the hub, over which it reads its answers. */
export class Client {
  /** The identity of its connection. */
  readonly session = {};
  /** It reads nothing before this time. */
  deafUntil = 0;
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  delay(): number {
    return this.#chance.span(0.125, 5);
  }
}

/** Observes the fate of an answer. */
export interface AnswerObserver {
  /** Called when the caller has the answer, or has gone, before the hub learns of it. */
  taken(): void;
  /** Called when the hub withdraws the answer. */
  abandoned(): void;
}

/** A `Request` call at the hub: the counterpart of `src/hub/http2-call` on real sockets. */
export class UnaryCall implements ServerCall {
  readonly path = "";
  readonly identity = ANONYMOUS;
  readonly timeoutMs: number | undefined;
  readonly #client: Client;
  readonly #hub: SimProcess;
  readonly #metadata: ReadonlyMap<string, Uint8Array>;
  readonly #observer: AnswerObserver;
  readonly #tell: (how: StatusObject | Buffer, isGone: boolean) => void;
  #listener: CallListener | undefined;
  #isOver = false;

  /** `tell` receives the hub's response, even if the caller has gone. */
  constructor(
    client: Client,
    hub: SimProcess,
    wish: { timeoutMs: number | undefined; metadata: ReadonlyMap<string, Uint8Array> },
    observer: AnswerObserver,
    tell: (how: StatusObject | Buffer, isGone: boolean) => void,
  ) {
    this.#client = client;
    this.#hub = hub;
    this.timeoutMs = wish.timeoutMs;
    this.#metadata = wish.metadata;
    this.#observer = observer;
    this.#tell = tell;
  }

  get peer(): object {
    return this.#client.session;
  }

  /** Delivers the call's message, all of it at once. */
  serve(handler: CallHandler, message: Buffer): void {
    this.#listener = handler(this);
    this.#listener.onMessage(message);
    this.#listener.onHalfClose();
  }

  header(key: string): Uint8Array[] {
    const value = this.#metadata.get(key);
    return value === undefined ? [] : [value];
  }

  respond(message: Buffer): void {
    this.#tell(message, this.#isOver);
    this.#beRead();
  }

  end(status?: StatusObject): void {
    if (status === undefined) throw new Error("a unary call ends with an answer or a status");
    this.#tell(status, this.#isOver);
    this.#beRead();
  }

  refuse(status: StatusObject): void {
    this.end(status);
  }

  /** Ends the stream: the caller took its answer or cancelled the call. */
  gone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#observer.taken();
    this.#listener?.onClose();
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#observer.abandoned();
    this.#hub.input(this.#hub.now(), () => this.#listener?.onClose());
  }

  write(): never {
    throw new Error("a unary call is answered once");
  }

  pause(): void {}

  resume(): void {}

  /** Has the client take the response as soon as it is reading. */
  #beRead(): void {
    const at = Math.max(this.#hub.now(), this.#client.deafUntil) + this.#client.delay();
    this.#hub.input(at, () => {
      if (this.#client.deafUntil > this.#hub.now()) this.#beRead();
      else this.gone();
    });
  }
}
