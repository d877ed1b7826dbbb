import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { gibbs, gibbsHub, start } from "../support/running.js";

const worker = (address: string, module: string, ...more: string[]) =>
  gibbs(["worker", module, "--hub", address, ...more]);
const request = (address: string, ...more: string[]) =>
  gibbs(["request", "--hub", address, ...more]).ended;

describe("gibbs", () => {
  it("prints help with examples and exit codes, for each command", async () => {
    for (const args of [
      [],
      ["hub"],
      ["worker"],
      ["request"],
      ["map"],
      ["demo"],
      ["proto"],
      ["conformance"],
    ]) {
      const { code, stdout } = await gibbs([...args, "--help"]).ended;
      expect(code).toBe(0);
      expect(stdout).toContain("Examples:");
      expect(stdout).toContain("Exit codes:");
    }
  });

  it("reports usage errors as such", async () => {
    const wrong = [
      ["nonsense"],
      ["hub", "--nonsense"],
      ["worker"],
      ["worker", "x", "--count", "0"],
    ];
    wrong.push(["request", "1", "--timeout", "soon"], ["worker", "x", "--args", "{}"], ["request"]);
    wrong.push(["request", "hello"]);
    for (const args of wrong) {
      const { code, stderr } = await gibbs(args).ended;
      expect([code, args]).toEqual([2, args]);
      expect(stderr).not.toBe("");
    }
  });

  it("takes an empty variable for one that is not set", async () => {
    const env = { GIBBS_LISTEN: "", GIBBS_LOG_LEVEL: "", GIBBS_HUB: "" };
    const hub = gibbs(["hub", "--listen", "127.0.0.1:0"], { env });
    await hub.line(/^gibbs hub listening on /);
    const help = await gibbs(["request", "--connect-timeout", "1ms", "1"], { env }).ended;
    expect(help.stderr).not.toContain("BAD_ADDRESS");
  });

  it("treats a closed pipe as a reader that has seen enough", async () => {
    const { code, stdout, stderr } = await start("bash", [
      "-c",
      "set -o pipefail; node bin/gibbs.js proto | head -1",
    ]).ended;
    expect([code, stdout.split("\n").length, stderr]).toEqual([0, 2, ""]);
  });

  it.runIf(existsSync("/dev/full"))("tells when the result cannot be written", async () => {
    const full = await start("bash", ["-c", "node bin/gibbs.js proto > /dev/full"]).ended;
    expect([full.code, full.stderr]).toEqual([1, expect.stringContaining("cannot be written")]);
  });

  it("runs through npx in a checkout", async () => {
    const { code, stdout } = await start("npx", ["gibbs", "--version"]).ended;
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });
});

describe("gibbs hub", () => {
  it("says where it listens in its first line, and drains on SIGTERM", async () => {
    const hub = await gibbsHub();
    expect(hub.lines).toEqual([`gibbs hub listening on ${hub.address}`]);
    hub.process.kill("SIGTERM");
    expect(await hub.ended).toMatchObject({ code: 0 });
  });

  it("says that the port is in use, and nothing else", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void taken.close());
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const { code, stderr } = await gibbs(["hub", "--listen", `127.0.0.1:${port}`]).ended;
    expect([code, stderr]).toEqual([
      1,
      `gibbs: 127.0.0.1:${port} is in use: stop what listens there, or choose another address (FAILED_PRECONDITION, ADDRESS_IN_USE)\n`,
    ]);
  });

  it("is reachable from outside only if it is told to be", async () => {
    const { code, stderr } = await gibbs(["hub", "--listen", "0.0.0.0:0", "--json"]).ended;
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { reason: "INSECURE_LISTEN" } });
  });
});

describe("gibbs worker and gibbs request", () => {
  it("serve a function, a class with arguments, several methods, and TypeScript", async () => {
    const hub = await gibbsHub();
    const started = [
      worker(hub.address, "examples/square.js"),
      worker(hub.address, "examples/web/model.js", "--method", "model", "--args", "[0.001]"),
      worker(hub.address, "test/fixtures/several.js"),
      worker(hub.address, "test/fixtures/typed.ts", "--method", "typed"),
    ];
    for (const one of started) await one.line(/^gibbs worker ready: 1 process serves /);
    const asked = [["34"], ["4", "--method", "model"], ["4", "--method", "double"]];
    asked.push(["4", "--method", "negate"], ['{"x": 5}', "--method", "typed"]);
    const answers = [];
    for (const args of asked) answers.push((await request(hub.address, ...args)).stdout);
    expect(answers).toEqual(["1156\n", "16\n", "8\n", "-4\n", "25\n"]);
  });

  it("carry bytes from a file, JSON from stdin, and report how it went with --json", async () => {
    const hub = await gibbsHub();
    const folder = await mkdtemp(join(tmpdir(), "gibbs-"));
    await writeFile(join(folder, "echo.mjs"), "export default (x) => x;");
    await writeFile(join(folder, "bytes"), new Uint8Array([0, 255, 10]));
    await worker(hub.address, join(folder, "echo.mjs")).line(/ready/);
    const bytes = await request(hub.address, "--file", join(folder, "bytes"), "--json");
    expect(JSON.parse(bytes.stdout)).toMatchObject({ data: "AP8K", info: { attempts: 1 } });
    const piped = gibbs(["request", "-", "--hub", hub.address, "--json"], {
      stdin: '{"a": [1, null]}',
    });
    expect(JSON.parse((await piped.ended).stdout)).toMatchObject({ value: { a: [1, null] } });
  });

  it("distinguish an unreachable hub from a failed request", async () => {
    const nobody = await request("127.0.0.1:1", "1", "--connect-timeout", "50ms");
    expect([nobody.code, nobody.stderr]).toEqual([
      3,
      expect.stringContaining("is one running there?"),
    ]);
    const hub = await gibbsHub();
    await worker(hub.address, "test/fixtures/faulty.js").line(/ready/);
    const failed = await request(hub.address, '{"act": "throw"}', "--json");
    expect(failed.code).toBe(4);
    expect(JSON.parse(failed.stderr)).toMatchObject({
      error: {
        code: "UNKNOWN",
        reason: "HANDLER_ERROR",
        remoteType: "RangeError",
        execution: "FINISHED",
      },
    });
  });

  it.each([
    ["examples/nowhere.js", /there is no module at .*nowhere\.js/],
    ["test/fixtures/no-default.js", /no default export/],
    ["test/fixtures/bad-constructor.js", /no weights found/],
  ])("exit 1 for %s and tell why", async (module, why) => {
    const { code, stderr } = await worker("127.0.0.1:1", module, "--count", "2").ended;
    expect([code, stderr]).toEqual([1, expect.stringMatching(why)]);
  });

  it("finish running jobs on SIGTERM, and exit 0", async () => {
    const hub = await gibbsHub();
    const agent = worker(hub.address, "test/fixtures/faulty.js", "--count", "2");
    const running = request(hub.address, '{"act": "block", "ms": 300}');
    await agent.line(/^blocking$/);
    agent.process.kill("SIGTERM");
    hub.process.kill("SIGINT");
    expect(await running).toMatchObject({ code: 0, stderr: "" });
    expect((await agent.ended).code).toBe(0);
    expect((await hub.ended).code).toBe(0);
  });

  it("exit 0 when they are told to end before there is anything to finish", async () => {
    const early = worker("127.0.0.1:1", "examples/square.js");
    await early.says(/no hub at 127\.0\.0\.1:1 yet/);
    early.process.kill("SIGTERM");
    expect(await early.ended).toMatchObject({ code: 0, stdout: "" });
  });

  it.each([
    ["worker", "WORKER_LOST"],
    ["hub", "HUB_SHUTDOWN"],
  ])("stop at once at the second signal to the %s, and exit 130", async (which, reason) => {
    const hub = await gibbsHub();
    const agent = worker(hub.address, "test/fixtures/faulty.js");
    const running = request(hub.address, '{"act": "hang"}');
    await agent.line(/^hanging/);
    const stopped = which === "hub" ? hub : agent;
    stopped.process.kill("SIGINT");
    await stopped.says(/a second signal stops at once/);
    stopped.process.kill("SIGINT");
    expect((await stopped.ended).code).toBe(130);
    expect(await running).toMatchObject({ code: 4, stderr: expect.stringContaining(reason) });
  });
});

it("gibbs proto writes the contract", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gibbs-"));
  const { code, stdout } = await gibbs(["proto", "--out", folder]).ended;
  expect(code).toBe(0);
  expect(stdout.trim().split("\n")).toHaveLength(3);
  expect(await readdir(join(folder, "gibbs/v1"))).toEqual([
    "hub.proto",
    "payload.proto",
    "worker.proto",
  ]);
  const printed = await gibbs(["proto"]).ended;
  expect(printed.stdout).toContain(await readFile(join(folder, "gibbs/v1/hub.proto"), "utf8"));
});
