import type { RequestOptions } from "../../../src/base/options/common-options.js";
import { MultiplexTransport } from "../../../src/client/multiplex.js";
import { type RetryContext, sendWithRetries } from "../../../src/client/retry.js";
import type { OutgoingCall } from "../../../src/client/transport.js";
import { Chance } from "../machine/chance.js";
import { Path } from "../machine/pipe.js";
import { SimProcess } from "../machine/process.js";
import type { Asked } from "../oracle/asked.js";
import { ClientOracle } from "../oracle/client-oracle.js";
import type { World } from "../world.js";
import { coarse, HubLink } from "./hub-link.js";

const MAX_ID = 2 ** 32 - 1;

/**
 * Drops an id that a hub generated, so that each send gets a new one and the oracle can tell the
 * sends apart.
 */
function unnamed(call: OutgoingCall): OutgoingCall {
  if (!call.options.requestId?.startsWith("h")) return call;
  const { requestId: _, ...options } = call.options;
  return { ...call, options };
}

/**
 * A client process: the real `Multiplex` transport with its streams and retries, as
 * `src/client/client` uses them, over simulated connections.
 */
export class ClientProcess {
  readonly process: SimProcess;
  readonly path: Path;
  readonly link: HubLink;
  readonly oracle: ClientOracle;
  readonly #world: World;
  readonly #multiplex: MultiplexTransport;
  readonly #closing = new AbortController();
  readonly #context: RetryContext;

  constructor(world: World, seed: number) {
    const chance = new Chance(seed);
    const { limits } = world;
    this.#world = world;
    this.process = new SimProcess(world.timeline, "first");
    this.path = new Path(chance, 0.125, chance.pick([1, 5, 50]));
    const maxPayloadBytes = chance.pick([limits.maxPayloadBytes >> 1, 4_000_000]);
    const patienceMs = limits.connectTimeoutMs;
    this.oracle = new ClientOracle(this.process, world, { maxPayloadBytes, patienceMs });
    this.link = new HubLink(world, { ...this, chance }, (call) => this.oracle.opened(call));
    const firstId = chance.flip(0.3) ? MAX_ID - chance.int(0, 3) : 1;
    this.#multiplex = new MultiplexTransport(this.link, this.process, maxPayloadBytes, firstId);
    this.#context = {
      transport: {
        send: (call) => this.#multiplex.send(unnamed(call)),
        close: () => this.#multiplex.close(),
      },
      clock: this.process,
      random: () => coarse(chance),
      patienceMs,
      closing: this.#closing.signal,
    };
  }

  /** Sends a request; returns a function that cancels it. */
  ask(asked: Asked): () => void {
    const abort = new AbortController();
    const options: RequestOptions = { ...asked.options, signal: abort.signal };
    const { input, until } = asked;
    this.oracle.asked(asked);
    void sendWithRetries({ input, options, until }, this.#context).then(
      (answer) => this.oracle.told(asked, { kind: "answer", answer }),
      (error) => this.oracle.told(asked, { kind: "failure", error }),
    );
    return () => {
      if (asked.isOpen) asked.isCancelled = true;
      abort.abort();
    };
  }

  /** Same as `Client.close`. */
  close(): void {
    this.process.input(this.process.now(), () => {
      this.oracle.isClosed = true;
      this.#closing.abort();
      this.#multiplex.close();
      this.link.close();
    });
    this.#world.onClientGone(this);
  }

  /** Kills the process, possibly together with its machine. */
  die(withItsMachine: boolean): void {
    this.#world.log(() => "a client dies");
    this.process.die();
    this.oracle.killed();
    this.link.die(withItsMachine);
    this.#world.onClientGone(this);
  }
}
