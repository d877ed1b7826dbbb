import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { gibbs, gibbsHub, root, start, startClient } from "../support/running.js";
import { toolOrSkip } from "../support/tools.js";

describe("end to end, on processes", () => {
  it("answers 5,000 requests from 64 callers correctly, each executed once, spread over all workers", async () => {
    const hub = await gibbsHub();
    const workers = Array.from({ length: 4 }, () =>
      gibbs(["worker", "test/fixtures/counting.js", "--hub", hub.address]),
    );
    for (const worker of workers) await worker.line(/ready/);
    const client = startClient(hub.address);
    const executed = new Map<number, number>();
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < 5000) {
        const x = next++;
        const answer = await client.request<{ x: number; pid: number; runs: number }>(x);
        expect(answer).toMatchObject({ x, runs: 1 });
        executed.set(answer.pid, (executed.get(answer.pid) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 64 }, caller));
    expect(executed.size).toBe(4);
    for (const count of executed.values()) expect(count).toBeGreaterThanOrEqual(750);
    // When asked afterwards, every worker reports having seen each of its inputs once: none ran
    // anywhere else.
    const runs = await totalRuns(hub.address, workers.length);
    expect(runs).toBe(5000);
  });

  it("serves again after the hub was killed and another listens in its place", async () => {
    const hub = await gibbsHub();
    const workers = [1, 2].map(() =>
      gibbs(["worker", "examples/square.js", "--count", "2", "--hub", hub.address]),
    );
    for (const worker of workers) await worker.line(/ready/);
    const client = startClient(hub.address);
    expect(await client.request(3)).toBe(9);
    hub.process.kill("SIGKILL");
    await hub.ended;
    await gibbsHub(hub.address);
    expect(await client.request(4)).toBe(16);
    for (const worker of workers) expect(worker.process.exitCode).toBeNull();
  });

  it("works as a script: examples/quickstart.sh prints 1156 last and leaves nothing running", async () => {
    const { code, stdout } = await start("bash", ["examples/quickstart.sh"]).ended;
    expect([code, stdout.trimEnd().split("\n").at(-1)]).toEqual([0, "1156"]);
  });

  it("is served by a worker without the SDK", async () => {
    const hub = await gibbsHub();
    const worker = start(process.execPath, ["examples/bare-worker/worker.js", hub.address]);
    await worker.line(/^serving /);
    const client = startClient(hub.address);
    const answers = await Promise.all([1, 2, 3].map((x) => client.request(x)));
    expect(answers).toEqual([1, 4, 9]);
    hub.process.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  it.each([
    ["direct", "2.5"],
    ["hub", "0.75"],
  ])("is told as a web app: examples/web/%s.js", async (app) => {
    const server = start(process.execPath, [`examples/web/${app}.js`], { env: { PORT: "0" } });
    const url = (await server.line(/^http:/)).replace("?x=3", "");
    const one = await fetch(`${url}?x=3`);
    expect(await one.json()).toEqual({ result: 9 });
    const load = await start(process.execPath, ["examples/web/load.js", url]).ended;
    expect(load).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^10 requests: \d\.\d{3} s\n$/),
    });
    server.process.kill("SIGTERM");
    await server.ended;
  });
});

describe("by hand, through reflection alone", () => {
  it("buf curl", async () => {
    const hub = await served();
    const buf = start("npx", [
      ...["buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", '{"value": 34}'],
      `http://${hub}/gibbs.v1.HubService/Request`,
    ]);
    const { stdout, stderr } = await buf.ended;
    expect(JSON.parse(stdout || stderr)).toMatchObject({ value: 1156, info: { attempts: 1 } });
  });

  it("grpcurl", async (context) => {
    const grpcurl = toolOrSkip("grpcurl", context);
    const hub = await served();
    const run = async (...args: string[]) =>
      (await start(grpcurl, ["-plaintext", ...args]).ended).stdout;
    expect((await run(hub, "list")).split("\n")).toEqual(
      expect.arrayContaining([
        "gibbs.v1.HubService",
        "gibbs.v1.WorkerService",
        "grpc.health.v1.Health",
      ]),
    );
    expect(await run(hub, "describe", "gibbs.v1.HubService.Request")).toContain(
      "rpc Request ( .gibbs.v1.RequestRequest ) returns ( .gibbs.v1.RequestResponse );",
    );
    expect(await run(hub, "describe")).toContain("service ServerReflection");
    const answer = await run("-d", '{"value": 34}', hub, "gibbs.v1.HubService/Request");
    expect(JSON.parse(answer)).toMatchObject({ value: 1156 });
  });

  it("through reflection v1alpha as well", async () => {
    const hub = await gibbsHub();
    const client = new GrpcClient(hub.address, credentials.createInsecure());
    onTestFinished(() => client.close());
    const pass = (bytes: Buffer): Buffer => bytes;
    const path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    const call = client.makeBidiStreamRequest(path, pass, pass);
    call.on("error", () => {});
    // ServerReflectionRequest{list_services: "*"}
    call.write(Buffer.from([0x3a, 0x01, 0x2a]));
    call.end();
    const answer = await new Promise<Buffer>((resolve) => call.on("data", resolve));
    expect(answer.toString("latin1")).toContain("gibbs.v1.HubService");
  });
});

async function served(): Promise<string> {
  const hub = await gibbsHub();
  await gibbs(["worker", "./examples/square.js", "--hub", hub.address], { cwd: root }).line(
    /ready/,
  );
  return hub.address;
}

/** The total number of runs, as counted by the workers themselves. */
async function totalRuns(address: string, workers: number): Promise<number> {
  const client = startClient(address);
  const counts = new Map<number, number>();
  while (counts.size < workers) {
    const { pid, total } = await client.request<{ pid: number; total: number }>("total");
    counts.set(pid, total);
  }
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
