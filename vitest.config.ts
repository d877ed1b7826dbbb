import { defineConfig } from "vitest/config";

export default defineConfig({
  // `#` imports lead to the sources, as relative ones do, and not to what was built of them.
  ssr: { resolve: { conditions: ["@gibbs/source", "node"] } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/leak-check.ts"],
    // Generous: no test measures time, so a slow machine must not fail one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
