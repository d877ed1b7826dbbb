import { join } from "node:path";
// From the build, because worker processes run what `npm run build` produced.
import { startWorkers, type Workers, type WorkersOptions } from "gibbs/worker";
import { describe, expect, it, onTestFinished } from "vitest";
import { gibbs, root, startClient, startHub } from "../support/running.js";
import { until } from "../support/until.js";

async function workersOf(
  hub: string,
  options: WorkersOptions = {},
  module = "faulty.js",
): Promise<Workers> {
  const workers = await startWorkers(join(root, "test/fixtures", module), { hub, ...options });
  onTestFinished(() => workers.close());
  await workers.connected;
  return workers;
}

const pid = { act: "pid" };

function isAlive(child: number): boolean {
  try {
    return process.kill(child, 0);
  } catch {
    return false;
  }
}

describe("worker processes", () => {
  it("send heartbeats while they compute, even if the code blocks", async () => {
    const hub = await startHub({ heartbeatIntervalMs: 20, livenessTimeoutMs: 200 });
    await workersOf(hub.address);
    // Five times the liveness timeout.
    expect(await hub.request({ act: "block", ms: 1000 })).toEqual(expect.any(Number));
  });

  it("take only their own job along when they die, and are replaced", async () => {
    const hub = await startHub();
    const workers = await workersOf(hub.address, { count: 2 });
    const client = startClient(hub);
    const before = [...workers.pids];
    const bystander = client.request<number>({ act: "block", ms: 200 });
    await expect(client.request({ act: "exit" })).rejects.toMatchObject({
      code: "ABORTED",
      reason: "WORKER_LOST",
      message: expect.stringContaining("exited with code 7"),
    });
    expect(before).toContain(await bystander);
    // Jobs rotate, so the replacement shows up among the answers.
    const answers = new Set(before);
    while (answers.size < 3) answers.add(await client.request<number>(pid));
  });

  it("end their job when they are killed, and an idempotent one runs again", async () => {
    const hub = await startHub();
    const agent = gibbs(["worker", "test/fixtures/faulty.js", "--hub", hub.address]);
    const hanging = async (): Promise<number> => {
      const line = await agent.line(/^hanging/);
      agent.lines.length = 0;
      return Number(line.split(" ")[1]);
    };
    const once = expect(hub.request({ act: "hang" })).rejects.toMatchObject({
      reason: "WORKER_LOST",
      message: expect.stringContaining("killed by SIGKILL"),
    });
    process.kill(await hanging(), "SIGKILL");
    await once;
    const again = hub.request({ act: "hang" }, { idempotent: true });
    const victim = await hanging();
    process.kill(victim, "SIGKILL");
    expect(await again).not.toBe(victim);
  });

  it("serve a job whose idle process has died in the meantime", async () => {
    const hub = await startHub();
    const workers = await workersOf(hub.address, { count: 1 });
    const [victim] = workers.pids;
    process.kill(victim as number, "SIGKILL");
    await until(() => !workers.pids.includes(victim as number));
    expect(await hub.request<number>(pid)).not.toBe(victim);
  });

  it("are killed and replaced when a cancelled handler never returns", async () => {
    const hub = await startHub();
    const workers = await workersOf(hub.address, { count: 1, killGraceMs: 50 });
    const [stuck] = workers.pids;
    await expect(hub.request({ act: "hang" }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    expect(await hub.request<number>(pid)).not.toBe(stuck);
  });

  it("are killed before the hub would drop them all for one cancelled job", async () => {
    const dropped: string[] = [];
    const log = (_fields: object, message: string): void => void dropped.push(message);
    const logger = { debug: () => {}, info: () => {}, warn: log, error: log };
    const hub = await startHub({ cancelGraceMs: 1000, logger });
    const workers = await workersOf(hub.address, { count: 1, killGraceMs: 600_000 });
    const [stuck] = workers.pids;
    await expect(hub.request({ act: "hang" }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    expect(await hub.request<number>(pid)).not.toBe(stuck);
    expect(dropped).toEqual([]);
  });

  it("end with their agent, even if it is killed, and even while they compute", async () => {
    const hub = await startHub();
    const agent = gibbs(["worker", "test/fixtures/faulty.js", "--hub", hub.address, "--json"]);
    const [child] = JSON.parse(await agent.line(/pids/)).pids;
    const running = expect(hub.request({ act: "block", ms: 600_000 })).rejects.toMatchObject({
      reason: "WORKER_LOST",
    });
    await agent.line(/^blocking$/);
    agent.process.kill("SIGKILL");
    await running;
    await until(() => !isAlive(child));
  });

  it("are not confused by what a handler sends on their own channel", async () => {
    const hub = await startHub();
    await workersOf(hub.address);
    expect(await hub.request({ act: "chatter" })).toBe("said");
    expect(await hub.request(pid)).toEqual(expect.any(Number));
  });

  it("fail to start with the first error if none comes up", async () => {
    const starting = startWorkers(join(root, "test/fixtures/bad-constructor.js"), { count: 2 });
    await expect(starting).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "START_FAILED",
      message: expect.stringContaining("no weights found"),
    });
  });

  it("drain: running jobs finish, and no process is left", async () => {
    const hub = await startHub();
    const workers = await workersOf(hub.address, { count: 3 });
    const { pids } = workers;
    const running = hub.request<number>({ act: "block", ms: 200 });
    await hub.request(pid);
    await workers.drain();
    expect(pids).toContain(await running);
    await workers.stopped;
    expect(workers.pids).toEqual([]);
    for (const one of pids) expect(() => process.kill(one, 0)).toThrow(/ESRCH/);
  });
});
