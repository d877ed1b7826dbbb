import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { root, start } from "../support/running.js";

const entries = ["gibbs", "gibbs/hub", "gibbs/worker", "gibbs/client", "gibbs/proto"];

it("exports exactly what it says", async () => {
  const names: Record<string, string[]> = {};
  for (const entry of entries) names[entry] = Object.keys(await import(entry)).sort();
  expect(names).toMatchSnapshot();
});

it("installs from its tarball, imports, compiles strictly, and runs", {
  timeout: 300_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "gibbs-package-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const run = async (command: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await start(command, args, { cwd: folder }).ended;
    expect(code, `${command} ${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  };

  const packed = await start("npm", [
    "pack",
    "--ignore-scripts",
    "--json",
    "--pack-destination",
    folder,
  ]).ended;
  const [{ filename, files }] = JSON.parse(packed.stdout);
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(
    expect.arrayContaining(["proto/gibbs/v1/hub.proto", "bin/gibbs.js", "LICENSE"]),
  );
  expect(
    paths.filter((path) => !/^(dist|bin|proto\/gibbs\/v1)\/|^[A-Za-z]+(\.md|\.json)?$/.test(path)),
  ).toEqual([]);

  await writeFile(join(folder, "package.json"), '{ "type": "module", "private": true }');
  const install = ["install", "--prefer-offline", "--no-audit", "--no-fund"];
  await run("npm", ...install, `./${filename}`);

  const script = entries.map(
    (entry) => `console.log(Object.keys(await import("${entry}")).length > 0);`,
  );
  await writeFile(join(folder, "all.mjs"), script.join("\n"));
  expect(await run(process.execPath, "all.mjs")).toBe("true\n".repeat(entries.length));

  // For the generated client, as described in the README.
  const { devDependencies, version } = JSON.parse(
    await readFile(join(root, "package.json"), "utf8"),
  );
  await run("npm", ...install, `nice-grpc@${devDependencies["nice-grpc"]}`);
  await copyFile(join(root, "test/package/consumer/typed.ts"), join(folder, "typed.ts"));
  const compilerOptions = {
    ...{ module: "NodeNext", target: "ES2023", strict: true, noEmit: true, skipLibCheck: false },
    ...{
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
    },
    ...{ typeRoots: [join(root, "node_modules/@types")], types: ["node"] },
  };
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["typed.ts"] }),
  );
  await run(process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", ".");

  expect((await run("npx", "gibbs", "--version")).trim()).toBe(version);
  expect(await run("npx", "gibbs", "demo", "--json")).toContain('"workers":4');
  await writeFile(
    join(folder, "worker.mjs"),
    `import { Worker } from "gibbs/worker";
    await new Worker((input) => input, { hub: process.env.GIBBS_HUB }).run();`,
  );
  const conformance = ["conformance", "--only", "hello-first", "--", "node", "worker.mjs"];
  expect(await run("npx", "gibbs", ...conformance)).toContain("1 passed, 0 failed");
});
