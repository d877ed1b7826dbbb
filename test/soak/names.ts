import { spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** In a mount namespace of its own, which needs no privileges, a program sees another hosts file. */
const unshare = ["unshare", "--user", "--map-root-user", "--mount"];
const script = 'mount --bind "$0" /etc/hosts && exec "$@"';

const TYPE_A = 1;
const HEADER_BYTES = 12;

/**
 * One name whose address changes, for programs that a run starts: in a hosts file of the run's own,
 * and by a DNS server for Go, whose resolver may keep a hosts file for 5 s.
 */
export class MovingName {
  readonly name = "hub.soak.test";
  readonly #hosts: string;
  readonly #server: Socket;
  #address: string;

  private constructor(hosts: string, server: Socket, address: string) {
    this.#hosts = hosts;
    this.#server = server;
    this.#address = address;
    server.on("message", (query, from) =>
      server.send(this.#answer(query), from.port, from.address),
    );
  }

  /** @throws Error where programs cannot be given another hosts file. */
  static async start(folder: string, address: string): Promise<MovingName> {
    const hosts = join(folder, "hosts");
    writeFileSync(hosts, "");
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const name = new MovingName(hosts, server, address);
    name.move(address);
    const [file = "", ...args] = name.seenBy(["true"]);
    const { status, stderr, error } = spawnSync(file, args, { encoding: "utf8" });
    if (status === 0) return name;
    name.close();
    throw new Error(
      `this run needs Linux with unshare and user namespaces: ${error?.message ?? stderr.trim()}`,
    );
  }

  /** Gives the name another address of the same length. */
  move(address: string): void {
    this.#address = address;
    // In one write, without truncation: nobody sees an empty file.
    const file = openSync(this.#hosts, "r+");
    writeSync(file, `127.0.0.1 localhost\n${address} ${this.name}\n`);
    closeSync(file);
  }

  /** The command that runs `command` with the run's hosts file. */
  seenBy(command: readonly string[]): string[] {
    return [...unshare, "sh", "-c", script, this.#hosts, ...command];
  }

  /** The address of the DNS server. */
  get dns(): string {
    return `127.0.0.1:${this.#server.address().port}`;
  }

  close(): void {
    this.#server.close();
  }

  /** Answers a query for addresses (RFC 1035, 4): IPv4 has one, to be asked for again at once. */
  #answer(query: Buffer): Buffer {
    const nameEnd = query.indexOf(0, HEADER_BYTES);
    const question = query.subarray(HEADER_BYTES, nameEnd + 5);
    const hasAddress = query.readUInt16BE(nameEnd + 1) === TYPE_A;
    const header = Buffer.from([...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
    if (!hasAddress) return Buffer.concat([header, question]);
    header.writeUInt16BE(1, 6);
    const bytes = this.#address.split(".").map(Number);
    const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...bytes]);
    return Buffer.concat([header, question, record]);
  }
}
