import { expect, it } from "vitest";
import { DEFAULT_ADDRESS } from "../../src/base/options/common-options.js";
import { Hub } from "../../src/hub/hub.js";
import { begun, closedGate, type Gated, gated, serve } from "../support/gated.js";
import { ManualClock } from "../support/manual-clock.js";
import { hello, RawWorker } from "../support/raw-worker.js";
import { gibbs, gibbsHub, start, startClient, startHub } from "../support/running.js";

// The original closes without reporting an error, and its caller waits forever. Here the caller is
// told, and told that nothing ran.
it("hub-closed-while-waiting", async () => {
  const hub = await gibbsHub();
  // The client waits this long for a closed hub to come back, here in vain.
  const client = startClient(hub.address, { connectTimeoutMs: 2000 });
  const waiting = expect(client.request(3)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    execution: "NOT_STARTED",
  });
  // Both requests use one connection: once the second is refused, the first is waiting.
  await expect(client.request(4, { queueTimeoutMs: 1 })).rejects.toMatchObject({
    reason: "QUEUE_TIMEOUT",
  });
  hub.process.kill("SIGTERM");
  await waiting;
  expect(await hub.ended).toMatchObject({ code: 0, signal: null });
});

// As in the original, closing a hub that never listened is not an error. Here it is also final.
it("hub-closed-before-start", async () => {
  const former = await gibbsHub();
  former.process.kill("SIGTERM");
  await former.ended;
  const hub = new Hub({ listen: former.address });
  await hub.close();
  expect(hub.address).toBe("");
  await expect(hub.request(1)).rejects.toMatchObject({ reason: "DRAINING" });
  await expect(hub.listen()).rejects.toMatchObject({ reason: "HUB_STATE" });
  const next = await gibbsHub(former.address);
  expect(next.address, "its port was never taken").toBe(former.address);
});

// The original's worker opens a new socket after its hub has missed some heartbeats. Here the end
// of the stream reveals it at once, and the worker keeps dialing until a hub listens there again.
it("hub-restarted-workers-return", async () => {
  const hub = await gibbsHub();
  const worker = await serve(hub.address, gated);
  const client = startClient(hub.address);
  const { pid } = await client.request<Gated>({ x: 3 });
  hub.process.kill("SIGKILL");
  await hub.ended;
  await gibbsHub(hub.address);
  expect(await client.request({ x: 5 })).toEqual({ x: 5, pid });
  expect(worker.process.exitCode).toBeNull();
});

// The default port is the original's. The original listens on every address, and its workers are
// given a host and a port; here a hub is reachable from outside only if it is configured to be.
it("port-and-host", async () => {
  expect(DEFAULT_ADDRESS).toBe("127.0.0.1:5019");
  const open = gibbs(["hub", "--listen", "0.0.0.0:0", "--insecure"]);
  const port = (await open.line(/listening on 0\.0\.0\.0:\d+$/)).split(":").at(-1);
  const other = await gibbsHub();
  await serve(`localhost:${port}`, gated, "--worker-id", "of the open hub");
  await serve(other.address, gated, "--worker-id", "of the other hub");
  const whoServes = async (address: string): Promise<string> =>
    (await startClient(address).requestWithInfo({ x: 1 })).workerId;
  expect(await whoServes(`127.0.0.1:${port}`)).toBe("of the open hub");
  expect(await whoServes(`localhost:${port}`)).toBe("of the open hub");
  expect(await whoServes(other.address)).toBe("of the other hub");
});

// The original needs the same interval at both ends. Here only the hub is configured with it: the
// hub tells its workers, asks for signs of life, and drops workers that stay silent too long.
it("heartbeat-interval", async () => {
  const clock = new ManualClock();
  const hub = await startHub({ clock, heartbeatIntervalMs: 500, livenessTimeoutMs: 60_000 });
  const asked = new RawWorker(hub.address);
  asked.send(hello());
  expect(await asked.hear("welcome")).toMatchObject({ heartbeatIntervalMs: 500 });
  await clock.advance(500);
  await asked.hear("heartbeat");
  asked.cancel();

  const worker = await serve(hub.address, gated, "--kill-grace", "10m");
  const gate = closedGate();
  const outcomes: unknown[] = [];
  const request = hub.request({ x: 1, gate: gate.path }).catch((error) => outcomes.push(error));
  const pid = await begun(worker, "1");
  worker.process.kill("SIGSTOP");
  await clock.advance(59_999);
  expect(outcomes, "not yet").toEqual([]);
  await clock.advance(1);
  await request;
  expect(outcomes).toMatchObject([
    { reason: "WORKER_LOST", message: expect.stringContaining("silent for 60000 ms") },
  ]);
  worker.process.kill("SIGCONT");
  gate.open();
  expect(await hub.request({ x: 2 }), "it comes back").toEqual({ x: 2, pid });
});

// As in the original, the library logs nothing, not even a worker's death, unless a logger is
// configured: there for the whole library, here for each hub and worker.
it("silent-unless-asked-to-log", async () => {
  const program = "test/parity/fixtures/embedding.js";
  const silent = await start(process.execPath, [program]).ended;
  expect(silent).toEqual({ code: 0, signal: null, stdout: "3\n4\n", stderr: "" });
  const logging = await start(process.execPath, [program, "log"]).ended;
  expect(logging).toMatchObject({ code: 0, stdout: "3\n4\n" });
  const logged = ["hub listening", "connected to the hub", "a worker process is replaced"];
  for (const message of logged) expect(logging.stderr).toContain(message);
});
