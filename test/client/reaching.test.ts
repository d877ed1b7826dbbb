import dns from "node:dns";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import http2 from "node:http2";
import net, { type AddressInfo, connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Wakeup } from "../../src/base/wakeup.js";
import { Client } from "../../src/client/client.js";
import { Worker } from "../../src/worker/worker.js";
import { Log } from "../support/log.js";
import { start, startClient, startHub, startWorker } from "../support/running.js";

/** An HTTP proxy that connects everyone to the hub, and notes what they ask for. */
async function startProxy(hub: string): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer();
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    asked.push(`${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
    const [host, port] = hub.split(":");
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    client.pipe(upstream).pipe(client);
    onTestFinished(() => void client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

describe("a hub behind a proxy", () => {
  it("is reached by clients and workers through the one that the environment names", async () => {
    const hub = await startHub();
    const proxy = await startProxy(hub.address);
    vi.stubEnv("HTTPS_PROXY", `http://me:secret@127.0.0.1:${proxy.port}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    await startWorker("hub.test:5019", (x: number) => x + 1);
    const { port } = proxy;
    const credentials = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    for (const transport of ["multiplex", "unary"] as const) {
      expect(await startClient("hub.test:5019", { transport }).request(1)).toBe(2);
    }
    expect(proxy.asked).toEqual(Array(3).fill(`hub.test:5019 ${credentials}`));
    // Loopback addresses are dialed directly, whatever the environment says.
    expect(await startClient(hub).request(2)).toBe(3);
    expect(proxy.asked.length).toBe(3);

    // Something that is not a proxy.
    vi.stubEnv("HTTPS_PROXY", `http://me:secret@${hub.address}`);
    const client = startClient("hub.test:5019", { connectTimeoutMs: 100 });
    const blamed = `through the proxy ${hub.address} of HTTPS_PROXY; to dial hub.test:5019 directly`;
    await expect(client.request(1)).rejects.toThrow(
      expect.objectContaining({
        reason: "NOT_CONNECTED",
        message: expect.stringContaining(blamed),
      }),
    );
    const logger = new Log();
    const options = { hub: "hub.test:5019", handleSignals: false, logger };
    const worker = new Worker((x: unknown) => x, options);
    const ended = worker.run();
    await logger.heard(new RegExp(blamed));
    await worker.close();
    await ended;
    expect(port).toBe(proxy.port);
  });
});

describe("the hub of the environment", () => {
  it("is the one of clients and workers that name none", async () => {
    const hub = await startHub();
    vi.stubEnv("GIBBS_HUB", hub.address);
    onTestFinished(() => void vi.unstubAllEnvs());
    const worker = new Worker((x: number) => x + 1, { handleSignals: false });
    const ended = worker.run();
    await worker.connected;
    const client = new Client();
    expect(await client.request(1)).toBe(2);
    client.close();
    await worker.close();
    await ended;
    vi.stubEnv("GIBBS_HUB", "nowhere");
    expect(() => new Client()).toThrow(/"nowhere" is not an address/);
  });
});

describe("a hub whose name gets another address", () => {
  it.each(["multiplex", "unary"] as const)("is found by its callers: %s", async (transport) => {
    const first = await startHub({ listen: "127.0.0.2:0" });
    const port = first.address.split(":")[1];
    const name = `moving.test:${port}`;
    let address = "127.0.0.2";
    const { lookup } = dns.promises;
    const resolve = async (host: string, options: never): Promise<unknown> => {
      if (host !== "moving.test") return lookup(host, options);
      return [{ address, family: 4 }];
    };
    vi.spyOn(dns.promises, "lookup").mockImplementation(resolve as never);
    onTestFinished(() => void vi.restoreAllMocks());
    const worker = await startWorker(name, (x: number) => x + 1);
    expect(worker).toBeDefined();
    const client = startClient(name, { transport });
    expect(await client.request(1)).toBe(2);

    address = "127.0.0.3";
    await startHub({ listen: `127.0.0.3:${port}` });
    await first.close();
    expect(await client.request(2)).toBe(3);
  });
});

describe("a hub that is not there", () => {
  it.each(["multiplex", "unary"] as const)("is not dialed by a closed client: %s", async (how) => {
    const dialed = new Map<number, number>();
    const dials = new Wakeup();
    const socket = vi.spyOn(net, "connect").mockImplementation(((options: { port: number }) => {
      dialed.set(options.port, (dialed.get(options.port) ?? 0) + 1);
      dials.wake();
      const refused = new net.Socket();
      process.nextTick(() => refused.destroy(new Error("nobody is there")));
      return refused;
    }) as never);
    onTestFinished(() => socket.mockRestore());
    const dialedTimes = async (port: number, times: number): Promise<void> => {
      while ((dialed.get(port) ?? 0) < times) await dials.wait();
    };

    const client = startClient("127.0.0.1:1", { transport: how });
    const lost = expect(client.request(1)).rejects.toMatchObject({ reason: "CLIENT_CLOSED" });
    await dialedTimes(1, 2);
    client.close();
    await lost;
    const before = dialed.get(1) ?? 0;
    const other = startClient("127.0.0.1:2", { transport: how });
    const closed = expect(other.request(1)).rejects.toMatchObject({ reason: "CLIENT_CLOSED" });
    await dialedTimes(2, 5);
    other.close();
    await closed;
    // One dial was already scheduled.
    expect(dialed.get(1)).toBeLessThanOrEqual(before + 1);
  });
});

describe("a program that does not close its client", () => {
  // Without limits of its own, the connection would be given up after 50 s of silence.
  it("ends even if its hub does not answer", { timeout: 30_000 }, async () => {
    const server = http2.createServer();
    const open = new Set<http2.ServerHttp2Session>();
    server.on("session", (session) => open.add(session));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const session of open) session.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const options = { env: { GIBBS_HUB: `127.0.0.1:${port}` } };
    const program = ["test/fixtures/unclosed.js", "multiplex", "1"];
    expect(await start(process.execPath, program, options).ended).toMatchObject({
      code: 0,
      stdout: "NO_ANSWER\nNO_ANSWER\n",
    });
  });

  it.each(["multiplex", "unary"])("ends with its last answer: %s", async (transport) => {
    const hub = await startHub();
    await startWorker(hub, (x: number) => x + 1);
    const program = ["test/fixtures/unclosed.js", transport, "1", "2"];
    const options = { env: { GIBBS_HUB: hub.address } };
    expect(await start(process.execPath, program, options).ended).toMatchObject({
      code: 0,
      stdout: "2\n3\n101\n",
    });
  });
});
