import { configDefaults, defineConfig, type Plugin } from "vitest/config";

/**
 * Tests that open no socket, start no process and need no build: `npm run test:unit`. Setup files
 * enforce this list on both projects: a unit test that opens something fails, and so does a file
 * outside this list that opens nothing.
 */
const unit = [
  "test/{base,bench,cli,core,sim}/**/*.test.ts",
  "test/chaos/{check,coverage,schedule}.test.ts",
  "test/conformance/rules.test.ts",
  "test/house/!(check|faults).test.ts",
  "test/parity/names.test.ts",
  "test/sdk/documents.test.ts",
  "test/wire/!(generated-client).test.ts",
  "test/client/{pending-call,retry}.test.ts",
  "test/hub/read-state.test.ts",
  "test/worker/{loop-state,reconnect,session}.test.ts",
];

/** Fails a unit test that imports anything that only exists after a build. */
const noBuild: Plugin = {
  name: "no-build",
  enforce: "pre",
  resolveId(source, importer) {
    if (!/^(gibbs(\/|$)|#dist\/)/.test(source)) return;
    throw new Error(`${importer} imports ${source}, which needs a build: not in a unit test`);
  },
};

export default defineConfig({
  // Resolves `#` imports to the sources, like relative imports, rather than to the build.
  ssr: { resolve: { conditions: ["@gibbs/source", "node"] } },
  test: {
    setupFiles: ["test/support/leak-check.ts"],
    reporters: ["default", "./test/support/slowest-files.ts"],
    // By default vitest leaves one core unused, which on two cores is half of the machine.
    maxWorkers: "100%",
    // Generous: no test measures time, so a slow machine must not fail one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        plugins: [noBuild],
        test: {
          name: "unit",
          include: unit,
          // Pure code shares no state, so the files of one process can share its modules.
          isolate: false,
          setupFiles: ["test/support/forbid-input-output.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...unit],
          globalSetup: ["test/support/global-setup.ts"],
          setupFiles: ["test/support/expect-input-output.ts"],
        },
      },
    ],
  },
});
