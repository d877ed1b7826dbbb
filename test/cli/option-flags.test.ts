import { Command } from "commander";
import { expect, it } from "vitest";
import { addFlags, readFlags } from "../../src/cli/option-flags.js";
import { mapOptionTable } from "../../src/client/options.js";
import { hubOptionTable } from "../../src/hub/options.js";

/** Returns what a command with the flags of a table reads from its arguments. */
function read(table: Parameters<typeof addFlags>[1], ...args: string[]): object {
  const command = addFlags(new Command(), table).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  return readFlags(table, command.parse(args, { from: "user" }).opts());
}

it("a count has the bounds of its option", () => {
  expect(read(mapOptionTable, "--concurrency", "1000000")).toMatchObject({
    concurrency: 1_000_000,
  });
  expect(read(hubOptionTable, "--max-queued", "0")).toMatchObject({ maxQueued: 0 });
  expect(read(hubOptionTable, "--max-queued", "9007199254740991")).toMatchObject({
    maxQueued: Number.MAX_SAFE_INTEGER,
  });
  for (const count of ["0", "1000001", "1e3", "-1", "1.5", " 1", "", "9".repeat(30)]) {
    expect(() => read(mapOptionTable, "--concurrency", count), count).toThrow(
      "Expected a whole number from 1 to 1000000.",
    );
  }
});
