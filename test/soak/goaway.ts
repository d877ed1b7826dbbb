import { parseAddress } from "../../src/base/address.js";
import { systemClock } from "../../src/base/clock.js";
import { findPort } from "../chaos/find-port.js";
import { goAwayFrame } from "../support/http2-frames.js";
import { type ProxiedConnection, TcpProxy } from "../support/tcp-proxy.js";
import { Crew, type RunOptions, type Verdict } from "./crew.js";
import { generatedCallers, workers } from "./programs.js";

/** When a connection is told to go away after its start, and cut after that, in milliseconds. */
const MAX_AGE_MS = 2000;
const GRACE_MS = 3000;

const JOB_MS = 200;
const CALLERS = 8;
const SLOTS = 24;

/**
 * Clients and workers of every SDK, each behind a proxy that limits the age of its connections:
 * GOAWAY after 2 s, and a cut 3 s later. No call may fail, and no job may be lost.
 */
export function goaway(options: RunOptions & { minutes: number }): Promise<Verdict[]> {
  const { minutes, kinds, folder, say } = options;
  const programs = kinds.filter((kind) => !generatedCallers.includes(kind));
  return Crew.use(folder, async (crew) => {
    const hub = `127.0.0.1:${await findPort()}`;
    await crew.startHub(hub);
    const proxies: AgingProxy[] = [];
    for (const kind of programs) {
      const proxy = await AgingProxy.start(hub);
      proxies.push(proxy);
      if (workers.includes(kind)) crew.addWorker(kind, proxy.address, SLOTS);
      else crew.addCaller(kind, { hub: proxy.address, callers: CALLERS, jobMs: JOB_MS });
    }
    await crew.settled();
    await crew.forMinutes(minutes, (progress) => {
      const aged = proxies.reduce((sum, one) => sum + one.aged, 0);
      say(`${progress}, ${aged} connections told to go away`);
    });
    const verdicts = await crew.finish();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    return verdicts.map((verdict) => {
      const of = programs.findIndex(({ name }) => name === verdict.name);
      const aged = proxies[of]?.aged ?? 0;
      const text = `${verdict.text}; ${aged} connections told to go away`;
      return { ...verdict, text, pass: verdict.pass && aged > 0 };
    });
  });
}

/** A proxy that limits the age of connections. */
class AgingProxy {
  /** How many connections were told to go away. */
  aged = 0;
  readonly #proxy: TcpProxy;

  private constructor(hub: string) {
    this.#proxy = new TcpProxy(parseAddress(hub));
    this.#proxy.onConnection((connection) => this.#limit(connection));
  }

  static async start(hub: string): Promise<AgingProxy> {
    const proxy = new AgingProxy(hub);
    await proxy.#proxy.setDoor("open");
    return proxy;
  }

  get address(): string {
    return this.#proxy.address;
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }

  #limit(connection: ProxiedConnection): void {
    const cut = (): void => connection.reset();
    const announce = (): void => {
      this.aged += 1;
      connection.insert(goAwayFrame());
      systemClock.setTimer(GRACE_MS, cut, "background");
    };
    const timer = systemClock.setTimer(MAX_AGE_MS, announce, "background");
    void connection.closed.then(() => timer.cancel());
  }
}
