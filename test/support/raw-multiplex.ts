import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import {
  type ClientItemInit,
  decodeHubItems,
  encodeClientItems,
  type HubItem,
} from "../../src/wire/messages/multiplex.js";
import { encodePayload } from "../../src/wire/payload/payload.js";

/** A client's Multiplex stream scripted by a test, item by item. */
export class RawMultiplex {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #heard: HubItem[] = [];
  #taken = 0;
  #wake: () => void = () => {};
  /** The status that the stream ended with. */
  readonly ended: Promise<StatusObject>;

  constructor(address: string) {
    const client = new Client(address, credentials.createInsecure());
    const pass = (bytes: Buffer): Buffer => bytes;
    this.#stream = client.makeBidiStreamRequest("/gibbs.v1.HubService/Multiplex", pass, pass);
    this.#stream.on("data", (bytes: Buffer) => {
      this.#heard.push(...decodeHubItems(bytes));
      this.#wake();
    });
    this.#stream.on("error", () => {});
    this.ended = new Promise((resolve) => this.#stream.on("status", resolve));
    onTestFinished(() => {
      this.#stream.cancel();
      client.close();
    });
  }

  send(...items: ClientItemInit[]): void {
    for (const message of encodeClientItems(items)) this.#stream.write(message);
  }

  /** Sends raw bytes. */
  sendRaw(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  halfClose(): void {
    this.#stream.end();
  }

  /** The next item. */
  async hear(): Promise<HubItem> {
    while (this.#taken >= this.#heard.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const item = this.#heard[this.#taken] as HubItem;
    this.#taken += 1;
    return item;
  }
}

/** Opens a call. */
export function call(id: number, input: unknown = null, fields: object = {}): ClientItemInit {
  const value = { payload: encodePayload(input), method: "", metadata: [], ...fields };
  return { id, item: { case: "call", value } };
}

/** Cancels a call. */
export function cancel(id: number): ClientItemInit {
  return { id, item: { case: "cancel", value: {} } };
}
