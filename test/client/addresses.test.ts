import dns from "node:dns";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { Worker } from "../../src/worker/worker.js";
import { Log } from "../support/log.js";
import { ManualClock } from "../support/manual-clock.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";
import { DEAD, listen, startStranger } from "../support/strangers.js";
import { until } from "../support/until.js";

// Lists of hub addresses, names with several, servers that are not hubs, and proxies.

const transports = ["multiplex", "unary"] as const;

it("a hub that drains is left at once for another one, with jobs running there", async () => {
  const hubs = [await startHub(), await startHub()] as const;
  const proxies = [await startProxy(hubs[0]), await startProxy(hubs[1])] as const;
  const list = proxies.map(({ address }) => address).join(",");
  const logger = new Log();
  const served: string[] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handler = async (x: string): Promise<string> => {
    served.push(x);
    if (x === "long") await held;
    return x;
  };
  await startWorker(list, handler, { slots: 2, logger });
  const [used, other] = proxies[0].connections.size > 0 ? hubs : [hubs[1], hubs[0]];
  const long = used.request("long");
  await until(() => served.length === 1);
  const drained = used.drain();
  // The worker is connected to the other hub, though the first one waits for its job.
  await logger.heard(/connected to the hub/, 2);
  expect(await other.request("next")).toBe("next");
  release();
  expect(await long).toBe("long");
  await drained;
});

it.each(transports)("a name with a dead and a good address is reached: %s", async (transport) => {
  const hub = await startHub();
  const { lookup } = dns.promises;
  const resolve = async (host: string, options: never): Promise<unknown> =>
    host === "hub.test"
      ? [
          { address: "127.0.0.9", family: 4 },
          { address: "127.0.0.1", family: 4 },
        ]
      : lookup(host, options);
  vi.spyOn(dns.promises, "lookup").mockImplementation(resolve as never);
  onTestFinished(() => void vi.restoreAllMocks());
  const name = `hub.test:${hub.address.split(":")[1]}`;
  await startWorker(name, (x: number) => x + 1);
  for (let round = 0; round < 4; round += 1) {
    const client = startClient(name, { transport });
    expect(await client.request(round)).toBe(round + 1);
    client.close();
  }
});

it.each(transports)(
  "a call that finds no hub names the list and the last failure: %s",
  async (transport) => {
    const list = `${DEAD},127.0.0.2:1`;
    const client = startClient(list, { transport, connectTimeoutMs: 200 });
    await expect(client.request(1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NOT_CONNECTED",
      execution: "NOT_STARTED",
      message: expect.stringMatching(
        /^no hub answers at 127\.0\.0\.1:1,127\.0\.0\.2:1 \(waited 200 ms; last failure: (127\.0\.0\.\d:1): connect ECONNREFUSED \1\)/,
      ),
    });
  },
);

it("servers that are not hubs are reported: at once if there is one, with the list if there are several", async () => {
  const strangers = [await startStranger(), await startStranger()];
  for (const transport of transports) {
    const client = startClient(strangers[0] ?? "", { transport });
    await expect(client.request(1)).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "NOT_A_HUB",
    });
    const several = startClient(strangers.join(","), { transport, connectTimeoutMs: 200 });
    await expect(several.request(1)).rejects.toMatchObject({
      reason: "NOT_CONNECTED",
      message: expect.stringMatching(/last failure: .*the server is not a gibbs hub/),
    });
  }
  for (const hub of [strangers[0] ?? "", strangers.join(",")]) {
    const worker = new Worker((x: unknown) => x, { hub, handleSignals: false });
    await expect(worker.run()).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      message: expect.stringContaining(`is ${hub} a gibbs hub?`),
    });
  }
});

it("a server that ends every connection at once is dialed after growing pauses, and named", async () => {
  const sessions: ServerHttp2Session[] = [];
  const server = createHttp2Server();
  server.on("session", (session) => {
    session.on("error", () => {});
    session.goaway();
    sessions.push(session);
  });
  const address = await listen(server as unknown as Server);
  const clock = new ManualClock();
  const begun = clock.now();
  const client = startClient(address, { clock, random: () => 0.999 });
  let failed: unknown;
  client.request(1).catch((error: unknown) => {
    failed = error;
  });
  while (sessions.length < 5) await clock.advance(10);
  // By the clock of the client: three times the one before, and at most a second.
  expect(clock.now() - begun).toBeGreaterThan(299 + 896 + 999 + 999);
  // Connections that are of no use do not prolong the wait for one.
  while (failed === undefined) await clock.advance(10);
  expect(clock.now() - begun).toBeLessThanOrEqual(20_010);
  expect(failed).toMatchObject({
    reason: "NOT_CONNECTED",
    message: expect.stringContaining(
      `waited 20000 ms; last failure: ${address} ends every connection at once`,
    ),
  });
});

it.each([
  ["an empty message", "0000000000"],
  ["a message that is cut short", "0000000004ffffffff"],
  ["an answer to a call that there is not", "00000000020800"],
])("a server whose stream begins with %s is no hub", async (_what, hex) => {
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(Buffer.from(hex, "hex"));
  });
  const odd = await listen(server as unknown as Server);
  const hub = await startHub();
  await startWorker(hub, (x: number) => x + 1);
  for (const transport of transports) {
    // Always the first one.
    const client = startClient(`${odd},${hub.address}`, { transport, random: () => 0 });
    expect(await client.request(1)).toBe(2);
  }
});

it.each(transports)(
  "a proxy that never answers is named, and hung up on: %s",
  async (transport) => {
    const accepted: Socket[] = [];
    const proxy = await listen(createServer((socket) => accepted.push(socket)));
    vi.stubEnv("HTTPS_PROXY", `http://${proxy}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const printed = vi.spyOn(console, "error");
    onTestFinished(() => printed.mockRestore());
    const client = startClient("hub.test:5019", { transport, connectTimeoutMs: 200 });
    await expect(client.request(1)).rejects.toMatchObject({
      reason: "NOT_CONNECTED",
      message: expect.stringContaining(`through the proxy ${proxy} of HTTPS_PROXY`),
    });
    await until(() => accepted.length > 0 && accepted.every((socket) => socket.resume().closed));
    expect(printed).not.toHaveBeenCalled();
  },
);

it("a proxy that refuses is reported with its answer, and not printed", async () => {
  const server = createHttpServer();
  server.on("connect", (_request, socket) => {
    socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  });
  const proxy = await listen(server);
  vi.stubEnv("HTTPS_PROXY", `http://${proxy}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const printed = vi.spyOn(console, "error");
  onTestFinished(() => printed.mockRestore());
  const client = startClient("hub.test:5019", { connectTimeoutMs: 200 });
  await expect(client.request(1)).rejects.toThrow(
    /last failure: hub\.test:5019: the proxy answered 407 Proxy Authentication Required \(through/,
  );
  expect(printed).not.toHaveBeenCalled();
});
