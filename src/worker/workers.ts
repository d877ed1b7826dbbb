import { onAbort } from "../base/abort.js";
import { systemClock } from "../base/clock.js";
import { silentLogger } from "../base/logger.js";
import { withDefaults } from "../base/options/option-table.js";
import { WorkerLoop } from "./loop.js";
import { type WorkersOptions, workersOptionTable } from "./options.js";
import { ChildPool } from "./processes/child-pool.js";
import { resolveModule } from "./processes/module.js";

/** Worker processes started by {@link startWorkers}. */
export interface Workers {
  /** The ids of the processes that are alive now. */
  readonly pids: readonly number[];
  /** Resolves when a hub first welcomes the workers; rejects if they stop before that. */
  readonly connected: Promise<void>;
  /**
   * Resolves when the workers have stopped. Rejects with a GibbsError if the hub refuses them
   * permanently.
   */
  readonly stopped: Promise<void>;
  /** Finishes running jobs, then ends the processes; kills them after `drainTimeoutMs`. */
  drain(): Promise<void>;
  /** Kills the processes immediately. */
  close(): Promise<void>;
}

/**
 * Runs the default export of a module (a function, a class with a method `call(input)`, or an
 * object that maps method names to either) in `count` separate processes, which are replaced when
 * they die. This process keeps the single stream to the hub and its heartbeats.
 *
 * @param module a path relative to the working directory, or a `file:` URL.
 * @returns the workers, once every process has come up or failed to.
 * @throws GibbsError NOT_FOUND / MODULE_NOT_FOUND; FAILED_PRECONDITION / NO_LOADER;
 * FAILED_PRECONDITION / START_FAILED with the first error if no process came up.
 */
export async function startWorkers(
  module: string | URL,
  options: WorkersOptions = {},
): Promise<Workers> {
  const { moduleUrl, execArgv } = resolveModule(module);
  const { count, killGraceMs, startTimeoutMs, ...settings } = withDefaults(
    workersOptionTable,
    options,
  );
  const { method, args, idempotent, maxPayloadBytes, sendStacks } = settings;
  const pool = new ChildPool({
    count,
    killGraceMs,
    startTimeoutMs,
    settings: { moduleUrl, method, args, idempotent, maxPayloadBytes, sendStacks },
    execArgv: [...execArgv, ...(options.execArgv ?? [])],
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    random: options.random ?? Math.random,
  });
  const loop = new WorkerLoop(pool, options);
  const stopListening = onAbort(options.signal, () => void loop.close());
  const stopped = loop.run();
  await Promise.race([stopped, loop.started]);
  stopListening();
  return {
    get pids() {
      return pool.pids;
    },
    connected: loop.connected,
    stopped,
    drain: () => loop.drain(),
    close: () => loop.close(),
  };
}
