import { findPort } from "../chaos/find-port.js";
import { documentedServiceConfig } from "../support/documented-service-config.js";
import { Crew, type RunOptions, type Verdict } from "./crew.js";
import { workers } from "./programs.js";

const CALLERS = 4;
const SLOTS = 16;
/** For how long each caller is answered between two restarts, at least, in milliseconds. */
const BETWEEN_MS = 500;

interface RestartOptions extends RunOptions {
  restarts: number;
  /** How long each job takes, in milliseconds. */
  jobMs: number;
}

/**
 * A hub is restarted gracefully under the load of clients of every SDK and of generated clients,
 * which do what docs/reliability.md says. No call may fail, and no job may be lost.
 */
export function restarts({
  restarts,
  jobMs,
  kinds,
  folder,
  say,
}: RestartOptions): Promise<Verdict[]> {
  return Crew.use(folder, async (crew) => {
    const address = `127.0.0.1:${await findPort()}`;
    let hub = await crew.startHub(address);
    for (const kind of kinds) {
      const env = { SOAK_SERVICE_CONFIG: documentedServiceConfig() };
      if (workers.includes(kind)) crew.addWorker(kind, address, SLOTS);
      else crew.addCaller(kind, { hub: address, callers: CALLERS, jobMs, env });
    }
    await crew.settled();
    const enough = CALLERS * Math.ceil(BETWEEN_MS / jobMs);
    for (let restart = 1; restart <= restarts; restart += 1) {
      await crew.answered(enough);
      await crew.stopHub(hub);
      hub = await crew.startHub(address);
      say(`restart ${restart}: ${crew.progress()}`);
    }
    await crew.answered(enough);
    return crew.finish();
  });
}
