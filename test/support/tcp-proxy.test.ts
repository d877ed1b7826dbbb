import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "./manual-clock.js";
import { blackHole, clear } from "./tcp-link.js";
import { type ProxiedConnection, TcpProxy } from "./tcp-proxy.js";
import { until } from "./until.js";

/** A proxied connection with both of its ends under the test's control. */
interface Line {
  proxy: TcpProxy;
  clock: ManualClock;
  connection: ProxiedConnection;
  dialler: End;
  hub: End;
}

/** One end: what it has received, and how it was closed. */
class End {
  readonly pieces: string[] = [];
  closed: "open" | "ended" | "reset" = "open";

  constructor(readonly socket: Socket) {
    socket.on("data", (piece: Buffer) => this.pieces.push(piece.toString()));
    socket.on("end", () => {
      this.closed = "ended";
    });
    socket.on("error", () => {
      this.closed = "reset";
    });
    onTestFinished(() => void socket.destroy());
  }

  get received(): string {
    return this.pieces.join("");
  }
}

async function startProxy(): Promise<{ proxy: TcpProxy; clock: ManualClock; accepted: End[] }> {
  const accepted: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(new End(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const clock = new ManualClock();
  const { port } = server.address() as AddressInfo;
  const proxy = new TcpProxy({ host: "127.0.0.1", port }, 0, clock, () => 0.5);
  await proxy.setDoor("open");
  onTestFinished(async () => {
    await proxy.close();
    for (const { socket } of accepted) socket.destroy();
    server.close();
  });
  return { proxy, clock, accepted };
}

function dial({ address }: TcpProxy): End {
  const [host = "", port] = address.split(":");
  return new End(connect({ host, port: Number(port), allowHalfOpen: true }));
}

async function connected(): Promise<Line> {
  const { proxy, clock, accepted } = await startProxy();
  const dialler = dial(proxy);
  await until(() => accepted.length === 1);
  const [connection] = proxy.connections;
  const [hub] = accepted;
  if (connection === undefined || hub === undefined) throw new Error("no connection");
  return { proxy, clock, connection, dialler, hub };
}

describe("the proxy", () => {
  it("passes bytes and the end of each side on", async () => {
    const { dialler, hub, connection, proxy } = await connected();
    dialler.socket.end("question");
    await until(() => hub.closed === "ended");
    expect(hub.received).toBe("question");
    hub.socket.end("answer");
    await connection.closed;
    await until(() => dialler.closed === "ended");
    expect(dialler.received).toBe("answer");
    expect(proxy.connections.size).toBe(0);
  });

  it("delays one direction by latency and jitter, and not the other", async () => {
    const { proxy, clock, connection, dialler, hub } = await connected();
    proxy.set("toHub", { latencyMs: 100, jitterMs: 40 });
    dialler.socket.write("late");
    await until(() => connection.heldBytes("toHub") === 4);
    await clock.advance(119);
    expect(connection.heldBytes("toHub")).toBe(4);
    hub.socket.write("at once");
    await until(() => dialler.received === "at once");
    await clock.advance(1);
    await until(() => hub.received === "late");
  });

  it("keeps the order when the latency falls", async () => {
    const { proxy, clock, connection, dialler, hub } = await connected();
    proxy.set("toHub", { latencyMs: 100 });
    dialler.socket.write("first ");
    await until(() => connection.heldBytes("toHub") === 6);
    proxy.set("toHub", { latencyMs: 0 });
    dialler.socket.write("second");
    await until(() => connection.heldBytes("toHub") === 12);
    await clock.advance(100);
    await until(() => hub.received === "first second");
  });

  it("slices", async () => {
    const { proxy, dialler, hub } = await connected();
    proxy.set("toHub", { sliceBytes: 1 });
    dialler.socket.write("abc");
    await until(() => hub.received === "abc");
    expect(Math.max(...hub.pieces.map((piece) => piece.length))).toBeLessThan(3);
  });

  it("throttles", async () => {
    const { proxy, clock, connection, dialler, hub } = await connected();
    proxy.set("toHub", { bytesPerSecond: 1000 });
    dialler.socket.write("x".repeat(1000));
    await until(() => connection.heldBytes("toHub") === 950);
    await clock.advance(500);
    expect(connection.heldBytes("toHub")).toBe(450);
    await clock.advance(450);
    await until(() => hub.received.length === 1000);
  });

  it("swallows a direction, including its end, until the hole is lifted", async () => {
    const { proxy, connection, dialler, hub } = await connected();
    proxy.set("toHub", blackHole);
    dialler.socket.end("lost?");
    await until(() => connection.heldBytes("toHub") === 5);
    hub.socket.write("I hear nothing");
    await until(() => dialler.received === "I hear nothing");
    expect([hub.received, hub.closed]).toEqual(["", "open"]);
    await proxy.heal();
    await until(() => hub.closed === "ended");
    expect(hub.received).toBe("lost?");
  });

  it("lets the allowed bytes arrive on open connections, and reports when more wait", async () => {
    const { proxy, connection, dialler, hub } = await connected();
    proxy.allow(3, "toHub");
    dialler.socket.write("abc");
    await until(() => hub.received === "abc");
    dialler.socket.end("de");
    await proxy.stuck("toHub");
    expect([hub.received, hub.closed, connection.heldBytes("toHub")]).toEqual(["abc", "open", 2]);
    proxy.allow(1, "toHub");
    await proxy.stuck("toHub");
    await until(() => hub.received === "abcd");
    proxy.allow(Number.POSITIVE_INFINITY, "toHub");
    await until(() => hub.closed === "ended");
    expect(hub.received).toBe("abcde");
  });

  it("applies a black hole to open connections, not to later ones", async () => {
    const { proxy, accepted } = await startProxy();
    const first = dial(proxy);
    await until(() => proxy.connections.size === 1);
    proxy.blackHole("toHub", "fromHub");
    first.socket.write("lost");
    await proxy.stuck("toHub");
    dial(proxy).socket.write("found");
    await until(() => accepted.some(({ received }) => received === "found"));
    expect(accepted.map(({ received }) => received).toSorted()).toEqual(["", "found"]);
  });

  it("stops reading a sender whose bytes do not get through", async () => {
    const { proxy, connection, dialler, hub } = await connected();
    proxy.set("toHub", blackHole);
    const sent = 16 * 1024 * 1024;
    dialler.socket.write(Buffer.alloc(sent));
    await until(() => connection.heldBytes("toHub") > 64 * 1024);
    expect(connection.heldBytes("toHub")).toBeLessThan(sent);
    await proxy.heal();
    let received = 0;
    hub.socket.on("data", (piece: Buffer) => {
      received += piece.length;
    });
    await until(() => received === sent);
  });

  it("resets both sides", async () => {
    const { proxy, dialler, hub } = await connected();
    proxy.reset();
    await until(() => dialler.closed === "reset" && hub.closed === "reset");
  });

  it("closes a connection that is reset just as its end was passed on", async () => {
    const { proxy, clock, connection, dialler } = await connected();
    proxy.set("toHub", blackHole);
    dialler.socket.end("goodbye");
    await until(() => connection.heldBytes("toHub") === 7);
    await clock.advance(0);
    proxy.set("toHub", clear);
    proxy.reset();
    await connection.closed;
  });

  it("passes a reset on", async () => {
    const { dialler, hub } = await connected();
    dialler.socket.resetAndDestroy();
    await until(() => hub.closed === "reset");
  });

  it("closes one side and never tells the other", async () => {
    const { proxy, connection, dialler, hub } = await connected();
    connection.halfClose("dialler");
    await until(() => dialler.closed === "reset");
    hub.socket.write("is anybody there?");
    await until(() => hub.socket.writableLength === 0);
    expect([hub.closed, hub.socket.writable]).toEqual(["open", true]);
    proxy.reset();
    await until(() => hub.closed === "reset");
  });

  it("makes a single connection suffer", async () => {
    const { proxy, clock, connection, dialler } = await connected();
    const other = dial(proxy);
    await until(() => proxy.connections.size === 2);
    connection.set("toHub", { latencyMs: 50 });
    dialler.socket.write("slow");
    other.socket.write("quick");
    const [, second] = proxy.connections;
    await until(() => connection.heldBytes("toHub") === 4 && second?.heldBytes("toHub") === 0);
    await clock.advance(50);
    expect(connection.heldBytes("toHub")).toBe(0);
  });

  it("refuses, or accepts and says nothing, until its door is open again", async () => {
    const { proxy, accepted } = await startProxy();
    await proxy.setDoor("mute");
    const muted = dial(proxy);
    await once(muted.socket, "connect");
    muted.socket.write("hello?");
    await until(() => muted.socket.writableLength === 0);
    expect([muted.closed, accepted.length]).toEqual(["open", 0]);
    await proxy.setDoor("shut");
    await until(() => muted.closed === "reset");
    const refused = dial(proxy);
    await until(() => refused.closed === "reset");
    await proxy.setDoor("open");
    const served = dial(proxy);
    served.socket.write("hello");
    await until(() => accepted[0]?.received === "hello");
  });
});
