import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "./cluster.js";
import { ManagedProcess } from "./managed-process.js";
import { installPython } from "./python.js";

const hasPython = installPython();

/** A program that handles SIGTERM only once it is told to. */
const HESITANT = `
  process.once("message", () => {
    process.once("SIGTERM", () => process.exit(0));
    process.channel.ref();
  });
`;

describe("a process of the chaos run", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gibbs-chaos-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("accepts no SIGTERM before it handles it", async () => {
    const hesitant = ManagedProcess.node(folder, "hesitant", ["--eval", HESITANT]);
    expect(() => hesitant.signal("SIGTERM")).toThrow("hesitant does not handle SIGTERM yet");
    hesitant.tell({ kind: "go on" });
    await hesitant.listening;
    hesitant.signal("SIGTERM");
    expect(await hesitant.ended).toBe(0);
    expect(hesitant.failure).toBeUndefined();
  });

  it("keeps nothing waiting when it ends without a message", async () => {
    const mute = ManagedProcess.node(folder, "mute", ["--eval", "process.exit(3)"]);
    await mute.listening;
    await mute.ended;
    expect(mute.failure).toBe("mute: 3");
  });

  it.each([true, false])(
    "exits cleanly on a SIGTERM right after its first message, hub running: %s",
    async (isHubThere) => {
      await Cluster.use({ folder }, async (cluster) => {
        if (!isHubThere) await cluster.hub.kill();
        await cluster.addAgent(1);
        await cluster.addPool(2, 1);
        await cluster.addRaw(1);
        if (hasPython) {
          await cluster.addPython({ isolation: "thread", count: 1, slots: 2 });
          await cluster.addPython({ isolation: "process", count: 1, slots: 1 });
        }
        await cluster.drainWorkers();
        expect(cluster.failures()).toEqual([]);
      });
    },
  );
});
