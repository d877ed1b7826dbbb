import { describe, expect, it } from "vitest";
import { scenarios } from "../../conformance/scenarios/index.js";
import { gibbs, type Running } from "../support/running.js";

const conformance = (...args: string[]): Running => gibbs(["conformance", ...args]);
const right = ["--", "node", "conformance/wrong-workers/right.js"];
const ids = scenarios.map(({ id }) => id);

describe("gibbs conformance", () => {
  it("lists its scenarios", async () => {
    const text = await conformance("--list").ended;
    expect([
      text.code,
      text.stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ]).toEqual([0, ids]);
    const json = await conformance("--list", "--json", "--only", "hello-first").ended;
    expect(JSON.parse(json.stdout)).toEqual([
      expect.objectContaining({
        id: "hello-first",
        rules: expect.arrayContaining(["5.2"]),
        needs: [],
      }),
    ]);
  });

  it("prints a row for each scenario as it ends, and the totals", async () => {
    const { code, stdout } = await conformance("--only", "hello-first,result-value", ...right)
      .ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^worker right: 2 slots, ALWAYS, serves conformance\.echo, /);
    expect(stdout).toMatch(/\n {2}pass +hello-first +\d+ ms {2}the first event is hello/);
    expect(stdout).toMatch(/\n\n2 passed, 0 failed, in [\d.]+ s\n$/);
  });

  it("reports the same to programs with --json", async () => {
    const some = ["--only", "hello-first,slots-many", "--skip", "slots-many"];
    const { code, stdout, stderr } = await conformance("--json", ...some, ...right).ended;
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      worker: { workerId: "right", slots: 2, beatsWhileBusy: true },
      scenarios: [
        { id: "hello-first", outcome: "passed" },
        { id: "slots-many", outcome: "skipped" },
      ],
      counts: { passed: 1, failed: 0, notClaimed: 0, skipped: 1 },
    });
    const early = await conformance("--json", "--", "/no/such/program").ended;
    expect([early.code, JSON.parse(early.stderr)]).toMatchObject([
      1,
      { error: { reason: "WORKER_NOT_STARTED" } },
    ]);
  });

  it("reports for each failure what was expected, what came, by which paragraph, and what was said", async () => {
    const worker = "conformance/wrong-workers/errors/loses-error-code.js";
    const { code, stdout } = await conformance("--only", "declared-error", "--", "node", worker)
      .ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/\n {2}FAIL +declared-error /);
    expect(stdout).toContain("  expected  a `failure` with `code` 5 and the handler's message");
    expect(stdout).toContain("  but       `code` is 0");
    expect(stdout).toContain("       7.4  A `failure` SHOULD carry `type` and `message`.");
    expect(stdout).toMatch(
      /\n {4}hub +job\{job_id: 1, method: "conformance\.fail", .*payload: \{"message":/,
    );
    expect(stdout).toMatch(/\n {4}worker result\{job_id: 1, failure: \{type: "Error", message: /);
  });

  it("shows the worker's stderr with a failure", async () => {
    const bare = ["--only", "hub-killed-mid-job", "--", "node", "examples/bare-worker/worker.js"];
    const { code, stdout } = await conformance(...bare).ended;
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/its stderr:\n {4}the hub is gone: /),
    ]);
  });

  it("treats a scenario that is requested by name as claimed", async () => {
    const bare = ["--only", "result-value", "--", "node", "examples/bare-worker/worker.js"];
    const { code, stdout } = await conformance(...bare).ended;
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining("it does not offer conformance.echo"),
    ]);
  });

  it.each([
    [
      ["/no/such/program"],
      /"\/no\/such\/program" did not come up: .*could not be started: .*ENOENT/,
    ],
    [
      ["node", "-e", "console.error('no weights'); process.exit(7)"],
      /ended with code 7.*no weights/s,
    ],
    [
      ["--start-timeout", "300ms", "--", "tail", "-f", "/dev/null"],
      /GIBBS_HUB, which was 127\.0\.0\.1:\d+/,
    ],
  ])("exits 1 for %j and tells why", async (args, why) => {
    const separated = args.includes("--") ? args : ["--", ...args];
    const { code, stdout, stderr } = await conformance(...separated).ended;
    expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(why)]);
  });

  it.each([[[]], [["--only", "nonsense", "--", "true"]], [["--skip", "nonsense", "--", "true"]]])(
    "calls %j wrong usage",
    async (args) => {
      const { code, stderr } = await conformance(...args).ended;
      expect([code, stderr]).toEqual([2, expect.stringMatching(/after --|--list names them/)]);
    },
  );

  it("ends with its worker at Ctrl-C", async () => {
    const kit = conformance(...right);
    await kit.line(/pass +hello-first/);
    kit.process.kill("SIGINT");
    // The check after all tests fails if a worker is left running.
    expect(await kit.ended).toMatchObject({ code: 130, stderr: "" });
  });
});
