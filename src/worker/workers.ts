import { onAbort } from "../base/abort.js";
import { systemClock } from "../base/clock.js";
import { silentLogger } from "../base/logger.js";
import { withDefaults } from "../base/options/option-table.js";
import { WorkerLoop } from "./loop.js";
import { type WorkersOptions, workersOptionTable } from "./options.js";
import { ChildPool } from "./processes/child-pool.js";
import { resolveModule } from "./processes/module.js";

/** Worker processes that {@link startWorkers} has started. */
export interface Workers {
  /** The process ids that live now. */
  readonly pids: readonly number[];
  /** Resolves when a hub has welcomed the workers for the first time; rejects if they end before. */
  readonly connected: Promise<void>;
  /** Ends when the workers do. Rejects with a GibbsError if the hub refuses them for good. */
  readonly stopped: Promise<void>;
  /** Finishes what runs, then ends the processes; after `drainTimeoutMs` kills them. */
  drain(): Promise<void>;
  /** Kills the processes at once. */
  close(): Promise<void>;
}

/**
 * Runs the default export of a module (a function, a class with a method
 * `call(input)`, or an object of those by method) in `count` processes of their
 * own, which are replaced when they die. This process keeps the one stream to
 * the hub and its heartbeats.
 *
 * @param module a path relative to the working directory, or a `file:` URL.
 * @returns once every process is up or has failed to come up.
 * @throws GibbsError NOT_FOUND / MODULE_NOT_FOUND; FAILED_PRECONDITION /
 * NO_LOADER; FAILED_PRECONDITION / START_FAILED with the first error if no
 * process came up.
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
