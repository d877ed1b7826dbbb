import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gibbs, gibbsHub, type Running, start, startHub, startWorker } from "../support/running.js";
import { until } from "../support/until.js";

const map = (
  hub: string,
  args: readonly string[],
  options?: Parameters<typeof gibbs>[1],
): Running => gibbs(["map", "--hub", hub, ...args], options);

const square = (x: number): number => x * x;

/** Writes these lines to a file in its own folder. Returns its path. */
function file(lines: readonly unknown[], name = "inputs.jsonl"): string {
  const path = join(mkdtempSync(join(tmpdir(), "gibbs-map-")), name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

const beside = (path: string): string => `${path}.out`;
const read = (path: string): string => readFileSync(path, "utf8");
const count = (to: number): number[] => Array.from({ length: to }, (_, index) => index + 1);
const linesOf = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

/**
 * Starts a hub process with a worker that squares its inputs; those that satisfy `holds` wait for
 * `letGo`.
 */
async function squaring(holds: (x: number) => boolean = () => false): Promise<{
  hub: string;
  asked: number[];
  letGo(): void;
}> {
  const hub = await gibbsHub();
  const asked: number[] = [];
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const handler = async (x: number): Promise<number> => {
    asked.push(x);
    if (holds(x)) await gate;
    return square(x);
  };
  await startWorker(hub.address, handler, { slots: 64 });
  return { hub: hub.address, asked, letGo };
}

/** Starts a hub with a worker that fails for 3. Returns the hub's address. */
async function failing(): Promise<string> {
  const hub = await gibbsHub();
  const handler = (x: number): number => {
    if (x === 3) throw new RangeError("three");
    return square(x);
  };
  await startWorker(hub.address, handler);
  return hub.address;
}

describe("gibbs map", () => {
  it("answers the lines of a file in their order, and of stdin, to stdout and to a file", async () => {
    const { hub } = await squaring();
    const inputs = count(2000);
    const path = file(inputs);
    const expected = linesOf(inputs.map(square));
    expect(await map(hub, [path]).ended).toMatchObject({ code: 0, stdout: expected, stderr: "" });
    const stdin = read(path).trimEnd();
    expect(await map(hub, ["-"], { stdin }).ended).toMatchObject({ code: 0, stdout: expected });
    const out = beside(path);
    const toFile = await map(hub, [path, "--out", out, "--concurrency", "7"]).ended;
    expect(toFile).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(read(out)).toBe(expected);
    expect(await map(hub, [file([])]).ended).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  it("shows bytes as base64, and says with --json what each line is", async () => {
    const hub = await gibbsHub();
    const handler = (x: unknown): unknown => (x === "bytes" ? new Uint8Array([0, 255, 10]) : x);
    await startWorker(hub.address, handler);
    const path = file(['"bytes"', '{"data":"AP8K"}', "null"]);
    const plain = '{"data":"AP8K"}\n{"data":"AP8K"}\nnull\n';
    expect((await map(hub.address, [path]).ended).stdout).toBe(plain);
    const { stdout } = await map(hub.address, [path, "--json"]).ended;
    const described = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const info = expect.objectContaining({ attempts: 1 });
    expect(described).toEqual([
      { data: "AP8K", info },
      { value: { data: "AP8K" }, info },
      { value: null, info },
    ]);
  });

  it("ends at the first failure, with everything before it written, and says where", async () => {
    const hub = await failing();
    const path = file(count(100));
    const failed = await map(hub, [path]).ended;
    expect([failed.code, failed.stdout]).toEqual([4, "1\n4\n"]);
    expect(failed.stderr).toContain(`${path}:3: three (UNKNOWN, HANDLER_ERROR)`);
    expect(failed.stderr).toContain("2 lines written");
    const asJson = await map(hub, [path, "--json", "--out", beside(path)]).ended;
    const [told = "", hint] = asJson.stderr.split("\n");
    expect(JSON.parse(told)).toMatchObject({
      error: { reason: "HANDLER_ERROR", remoteType: "RangeError" },
      file: path,
      line: 3,
    });
    expect(hint).toContain("run the same command again to resume");
  });

  it("reports a bad line by its number, with everything before it written", async () => {
    const { hub } = await squaring();
    const path = file(["1", "2", "hello", "4"]);
    const { code, stdout, stderr } = await map(hub, [path]).ended;
    expect([code, stdout]).toEqual([4, "1\n4\n"]);
    expect(stderr).toContain(`${path}:3: the line is not JSON`);
    const blank = await map(hub, ["-"], { stdin: "1\n\n2\n" }).ended;
    expect([blank.code, blank.stdout]).toEqual([4, "1\n"]);
    expect(blank.stderr).toContain("stdin:2: the line is blank");
  });

  it("continues with --keep-going, with errors in place of answers", async () => {
    const path = file(["1", "2", "3", "hello", '{"__proto__": 1}', "6"]);
    const { code, stdout, stderr } = await map(await failing(), [path, "--keep-going"]).ended;
    expect([code, stderr]).toEqual([
      4,
      expect.stringContaining("including 3 errors from this run"),
    ]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const bad = { error: expect.objectContaining({ reason: "BAD_LINE" }) };
    const threw = { error: expect.objectContaining({ message: "three", execution: "FINISHED" }) };
    expect(lines).toEqual([1, 4, threw, bad, bad, 36]);
  });

  it("stops in spite of --keep-going where nothing ran, so that a later run asks again", async () => {
    const path = file(count(10));
    const args = [path, "--keep-going", "--out", beside(path)];
    const nobody = await map("127.0.0.1:1", [...args, "--connect-timeout", "50ms"]).ended;
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining("NOT_CONNECTED")]);
    const { address } = await startHub({ noWorkerTimeoutMs: 0 });
    const idle = await map(address, args).ended;
    expect([idle.code, idle.stderr]).toEqual([4, expect.stringContaining("NO_WORKER")]);
    expect(read(beside(path))).toBe("");
  });

  it("waits for a hub that is full", async () => {
    const hub = await startHub({ maxQueued: 2 });
    await startWorker(hub, square);
    const { code, stdout } = await map(hub.address, [file(count(20)), "-c", "10"]).ended;
    expect([code, stdout]).toEqual([0, linesOf(count(20).map(square))]);
  });

  it("ends quietly when its reader has seen enough, even if the inputs never end", async () => {
    const { hub } = await squaring();
    const command = `yes 3 | node bin/gibbs.js map - --hub ${hub} | head -2`;
    const { code, stdout, stderr } = await start("bash", ["-c", command]).ended;
    expect([code, stdout, stderr]).toEqual([0, "9\n9\n", ""]);
  });

  it("reads no further ahead than it writes", async () => {
    const { hub, asked } = await squaring((x) => x === 5);
    const running = map(hub, [file(count(100_000)), "-c", "8"]);
    await running.line(/^16$/);
    await until(() => asked.length >= 12);
    // If it read further ahead, there would be more requests by the time another run has ended.
    expect((await map(hub, [file([1001])]).ended).code).toBe(0);
    expect(asked.toSorted((a, b) => a - b)).toEqual([...count(12), 1001]);
  });

  it("keeps a bounded number of bytes in flight, and answers everything", async () => {
    const hub = await gibbsHub();
    const asked: number[] = [];
    let letGo = (): void => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const handler = async ({ x }: { x: number }): Promise<number> => {
      asked.push(x);
      if (x === 0) await gate;
      return x;
    };
    await startWorker(hub.address, handler, { slots: 64 });
    const large = "x".repeat(3 * 1024 * 1024);
    const inputs = count(25).map((x) => JSON.stringify({ x, large }));
    const running = map(hub.address, [file(['{"x": 0}', ...inputs])]);
    await until(() => asked.length >= 22);
    expect((await map(hub.address, [file(['{"x": -1}'])]).ended).code).toBe(0);
    // 21 of them add up to 63 MiB.
    expect(asked.toSorted((a, b) => a - b)).toEqual([-1, 0, ...count(21)]);
    letGo();
    expect(await running.ended).toMatchObject({ code: 0, stdout: linesOf([0, ...count(25)]) });
  });

  it("reports usage errors as such", async () => {
    const inputs = file(["1"]);
    const wrong = [[], [inputs, "--out", inputs], [inputs, "--out", "/dev/null"]];
    wrong.push([inputs, "--concurrency", "0"]);
    for (const args of wrong) {
      const { code, stderr } = await map("127.0.0.1:1", args).ended;
      expect([code, args]).toEqual([2, args]);
      expect(stderr).not.toBe("");
    }
    expect(read(inputs)).toBe("1\n");
    const nowhere = await map("127.0.0.1:1", [`${inputs}.nowhere`]).ended;
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("nowhere")]);
  });
});

describe("gibbs map --out", () => {
  it("resumes after a kill, with the same bytes as without one", async () => {
    const { hub, asked, letGo } = await squaring((x) => x === 50);
    const inputs = count(200);
    const path = file(inputs);
    const out = beside(path);
    const first = map(hub, [path, "--out", out, "-c", "10"]);
    await until(() => asked.includes(59) && read(out).split("\n").length === 50);
    first.process.kill("SIGKILL");
    await first.ended;
    expect(read(out)).toBe(linesOf(count(49).map(square)));
    letGo();
    const before = asked.length;
    const second = await map(hub, [path, "--out", out]).ended;
    expect([second.code, second.stderr]).toEqual([0, expect.stringContaining("49 lines already")]);
    expect(read(out)).toBe(linesOf(inputs.map(square)));
    expect(asked.slice(before).toSorted((a, b) => a - b)).toEqual(inputs.slice(49));
  });

  it("cuts off a last line that was not finished", async () => {
    const { hub } = await squaring();
    const path = file(count(9));
    const out = beside(path);
    writeFileSync(out, "1\n4\n9\n1");
    const { code, stderr } = await map(hub, ["-", "--out", out], { stdin: read(path) }).ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining("cut off the last 1 bytes")]);
    expect(read(out)).toBe(linesOf(count(9).map(square)));
  });

  it("does not mistake answers to other inputs for its own", async () => {
    const { hub } = await squaring();
    const path = file(count(2));
    const out = beside(path);
    writeFileSync(out, "1\n4\n9\n");
    const { code, stderr } = await map(hub, [path, "--out", out]).ended;
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("there are 3 answers already, but only 2 inputs"),
    ]);
    expect(read(out)).toBe("1\n4\n9\n");
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "resumes after %s, which finishes what is in flight",
    async (signal) => {
      const { hub, asked, letGo } = await squaring((x) => x > 20);
      const inputs = count(100);
      const path = file(inputs);
      const args = [path, "--out", beside(path), "-c", "4"];
      const first = map(hub, args);
      await until(() => asked.length === 24);
      first.process.kill(signal);
      await first.says(/finishing requests in flight/);
      letGo();
      const { code, stderr } = await first.ended;
      expect([code, stderr]).toEqual([130, expect.stringContaining("24 lines written, not all")]);
      expect(read(beside(path))).toBe(linesOf(count(24).map(square)));
      expect((await map(hub, args).ended).code).toBe(0);
      expect(read(beside(path))).toBe(linesOf(inputs.map(square)));
      // No input was requested twice.
      expect(asked.toSorted((a, b) => a - b)).toEqual(inputs);
    },
  );

  it("ends at once at the second signal, and does not wait for inputs", async () => {
    const { hub, asked } = await squaring((x) => x > 2);
    // A pipe that stays open and silent.
    const inputs = "<(seq 1 4; exec tail -f /dev/null --pid=$$)";
    const command = `exec node bin/gibbs.js map ${inputs} --hub ${hub} --keep-going`;
    const running = start("bash", ["-c", command]);
    await running.line(/^4$/);
    await until(() => asked.length === 4);
    running.process.kill("SIGINT");
    await running.says(/a second signal stops at once/);
    running.process.kill("SIGINT");
    expect(await running.ended).toMatchObject({ code: 130, stdout: "1\n4\n" });
  });
});
