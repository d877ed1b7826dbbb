import type { Reporter, TestModule } from "vitest/node";

const SHOWN = 10;

/** A reporter that ends the run with the test files that took longest. */
// biome-ignore lint/style/noDefaultExport: vitest loads a reporter by its default export
export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => ({ path: module.relativeModuleId, ...times(module) }));
    files.sort((a, b) => b.totalMs - a.totalMs);
    console.log(`\nslowest test files (of which loading):`);
    for (const { path, totalMs, loadMs } of files.slice(0, SHOWN)) {
      console.log(`${seconds(totalMs)} s (${seconds(loadMs)} s)  ${path}`);
    }
  }
}

function times(module: TestModule): { totalMs: number; loadMs: number } {
  const { duration, collectDuration, setupDuration, prepareDuration } = module.diagnostic();
  const loadMs = collectDuration + setupDuration + prepareDuration;
  return { totalMs: loadMs + duration, loadMs };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1).padStart(6);
}
