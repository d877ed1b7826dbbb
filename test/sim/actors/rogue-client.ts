import {
  type ClientItemInit,
  decodeHubItems,
  encodeClientItems,
} from "../../../src/wire/messages/multiplex.js";
import { encodePayload } from "../../../src/wire/payload/payload.js";
import { Chance } from "../machine/chance.js";
import type { ClientCall } from "../machine/client-call.js";
import { Path } from "../machine/pipe.js";
import { SimProcess } from "../machine/process.js";
import type { World } from "../world.js";
import { HubLink } from "./hub-link.js";
import { METHODS } from "./wish.js";

/** Ways in which a rogue client breaks the protocol, or tests its limits. */
export const clientMisdeeds = [
  "second open id",
  "call without an id",
  "bytes that are not a message",
  "oversize call",
  "bad option",
  "undecodable input",
  "more open calls than allowed",
  "many more calls in one message",
  "cancel of an unknown id",
  "cancel right after its call",
  "ids around the largest",
  "half-close with open calls",
  "never reads",
  "leaves at once",
] as const;

type Misdeed = (typeof clientMisdeeds)[number];

const MAX_ID = 2 ** 32 - 1;

/** A client that breaks the protocol; its misbehaviour must affect nothing but itself. */
export class RogueClient {
  readonly process: SimProcess;
  readonly path: Path;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #link: HubLink;
  readonly #deeds: Misdeed[];
  #call: ClientCall | undefined;
  #lastId = 0;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#chance = new Chance(seed);
    this.process = new SimProcess(world.timeline, "first");
    this.path = new Path(this.#chance, 0.125, 3);
    this.#deeds = Array.from({ length: 3 }, () => this.#chance.pick(clientMisdeeds));
    for (const deed of this.#deeds) world.count("client misdeed", deed);
    this.#link = new HubLink(world, { ...this, chance: this.#chance }, (call) => {
      call.on("error", () => this.die());
      call.on("status", () => this.die());
      call.on("data", (encoded: Buffer) => this.#hear(encoded));
    });
    this.process.setTimer(this.#chance.span(2000, 9000), () => this.die());
    void this.#link.ready(Number.POSITIVE_INFINITY, undefined).then(
      () => this.#begin(),
      () => this.die(),
    );
  }

  die(): void {
    if (this.process.isDead) return;
    this.process.die();
    this.#link.die(false);
    this.#world.rogueClients.delete(this);
  }

  #begin(): void {
    if (this.process.isDead) return;
    this.#call = this.#link.open();
    if (this.#deeds.includes("ids around the largest")) this.#lastId = MAX_ID - 2;
    if (this.#deeds.includes("never reads")) {
      this.path.blockedUntil.down = Number.MAX_SAFE_INTEGER;
    }
    // A client may send calls before the settings have arrived.
    this.#send(this.#open(), this.#open());
    for (const deed of this.#deeds) {
      this.process.setTimer(this.#chance.span(0, 1500), () => this.#do(deed));
    }
  }

  /** Sends more requests whenever it gets an answer. */
  #hear(encoded: Buffer): void {
    for (const { item } of decodeHubItems(encoded)) {
      if (item.case !== "response" && item.case !== "status") continue;
      if (this.#chance.flip(0.5)) this.process.setTimer(20, () => this.#send(this.#open()));
    }
  }

  #do(deed: Misdeed): void {
    const { maxOpenCalls, maxPayloadBytes } = this.#world.limits;
    switch (deed) {
      case "second open id": {
        const first = this.#open();
        return this.#send(first, ...(this.#chance.flip(0.5) ? [this.#open()] : []), first);
      }
      case "call without an id":
        return this.#send(this.#open({ id: 0 }));
      case "bytes that are not a message":
        return this.#write(Buffer.from([0x0a, 0x7f]));
      case "oversize call": {
        const payload = encodePayload({ call: 0, pad: "x".repeat(maxPayloadBytes) });
        return this.#send(this.#open({ payload }), this.#open());
      }
      case "bad option":
        return this.#send(this.#open({ method: "m".repeat(300) }), this.#open());
      case "undecodable input":
        return this.#send(this.#open({ payload: new Uint8Array([0x0a, 0x03, 0x1a, 0x01, 0xff]) }));
      case "more open calls than allowed":
        return this.#sendMany(Math.min(maxOpenCalls, 20) + 1);
      case "many more calls in one message":
        return this.#sendMany(Math.min(maxOpenCalls, 20) * 2 + 1);
      case "cancel of an unknown id":
        return this.#send(cancel(123_456), cancel(0));
      case "cancel right after its call": {
        const call = this.#open();
        return this.#send(call, cancel(call.id), cancel(call.id));
      }
      case "half-close with open calls":
        this.#send(this.#open(), this.#open());
        return this.#call?.end();
      case "never reads":
        return this.#sendMany(8);
      case "leaves at once":
        this.#send(this.#open());
        return this.#call?.cancel();
      default:
        return;
    }
  }

  #sendMany(count: number): void {
    this.#send(...Array.from({ length: count }, () => this.#open()));
  }

  #open(fields: { id?: number; payload?: Uint8Array; method?: string } = {}): ClientItemInit {
    this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    const { id = this.#lastId, method = this.#chance.pick(METHODS) } = fields;
    const { payload = encodePayload({ call: 0, seed: this.#chance.int(1, 2 ** 31) }) } = fields;
    const timeoutMs = this.#chance.pick([undefined, 0, 500, 8000]);
    return { id, item: { case: "call", value: { payload, method, timeoutMs, metadata: [] } } };
  }

  #send(...items: ClientItemInit[]): void {
    for (const message of encodeClientItems(items)) this.#write(message);
  }

  #write(message: Buffer): void {
    if (this.#call?.isHalfClosed === false) this.#call.write(message);
  }
}

function cancel(id: number): ClientItemInit {
  return { id, item: { case: "cancel", value: {} } };
}
