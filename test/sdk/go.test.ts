import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { root, start } from "../support/running.js";
import { toolOrSkip } from "../support/tools.js";

const folder = join(root, "sdk/go");
const STATICCHECK = "honnef.co/go/tools/cmd/staticcheck@v0.8.2";

async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await start(command, args, { cwd }).ended;
  expect(code, `${command} ${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

// The first run downloads and compiles the module's dependencies.
describe("the Go SDK", { timeout: 15 * 60_000 }, () => {
  it("passes its own tests, against real hubs", async (context) => {
    await run(folder, toolOrSkip("go", context), "test", "-count=1", "./...");
  });

  it("is formatted, and vet and staticcheck find nothing", async (context) => {
    const go = toolOrSkip("go", context);
    expect(await run(folder, "gofmt", "-l", ".")).toBe("");
    await run(folder, go, "vet", "./...");
    await run(folder, go, "run", STATICCHECK, "./...");
  });

  it("has the code that the contract generates", async (context) => {
    toolOrSkip("go", context);
    const fresh = await mkdtemp(join(tmpdir(), "gibbs-go-"));
    onTestFinished(() => rm(fresh, { recursive: true }));
    const template = "sdk/go/buf.gen.yaml";
    await run(root, "npx", "buf", "generate", "--template", template, "--output", fresh);
    const generated = await contents(join(fresh, "sdk/go/gibbsv1"));
    const committed = await contents(join(folder, "gibbsv1"));
    expect(committed, `commit what \`npx buf generate --template ${template}\` writes`).toEqual(
      generated,
    );
  });
});

async function contents(of: string): Promise<Record<string, string>> {
  const names = (await readdir(of)).sort();
  const texts = names.map(async (name) => [name, await readFile(join(of, name), "utf8")] as const);
  return Object.fromEntries(await Promise.all(texts));
}
