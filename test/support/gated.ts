import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { gibbs, type Running } from "./running.js";

/** A model whose jobs run until the gate they name is open. It answers with {@link Gated}. */
export const gated = "test/fixtures/gated.js";

export interface Gated {
  x: number;
  pid: number;
}

/** A closed gate for jobs of {@link gated}; it opens when the test ends, if not before. */
export function closedGate(): { path: string; open(): void } {
  const folder = mkdtempSync(join(tmpdir(), "gibbs-gate-"));
  const path = join(folder, "closed");
  const open = (): void => rmSync(folder, { recursive: true, force: true });
  writeFileSync(path, "");
  onTestFinished(open);
  return { path, open };
}

/** Starts a worker command. Resolves once the hub has welcomed it. */
export async function serve(hub: string, module: string, ...more: string[]): Promise<Running> {
  const agent = gibbs(["worker", module, "--hub", hub, ...more]);
  await agent.line(/^gibbs worker ready/);
  return agent;
}

/**
 * Resolves with the id of the process that runs a job of {@link gated}, once this agent has begun
 * it.
 */
export async function begun(agent: Running, x = "\\d+"): Promise<number> {
  const line = await agent.line(new RegExp(`^begun ${x} `));
  return Number(line.split(" ").at(-1));
}
