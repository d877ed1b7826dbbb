import { expect } from "vitest";
import type { Answer } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";
import type { JobContext } from "../../src/worker/handler.js";
import { HeldJobs } from "./held-jobs.js";
import { startClient, startWorker } from "./running.js";

/** Another caller and worker at the same hub, with a request in flight throughout. */
export interface Witness {
  /**
   * Fails unless the request in flight is answered by its first attempt, and so is a following one.
   * Another one is in flight from then on.
   */
  undisturbed(): Promise<void>;
}

/**
 * Starts a caller and a worker that a fault must not affect. Both are connected when it resolves.
 */
export async function startWitness(hub: Hub | string): Promise<Witness> {
  const method = "witness";
  const jobs = new HeldJobs();
  const handle = (x: string, context: JobContext): unknown =>
    x === "held" ? jobs.handler(x, context) : x;
  // Two slots: one for the request in flight, one for the next.
  await startWorker(hub, handle, { method, workerId: method, slots: 2 });
  const client = startClient(hub);
  const hold = (): Promise<Answer<unknown>> => {
    const answer = client.requestWithInfo("held", { method });
    // If the test does not wait for it, it ends with the test.
    answer.catch(() => {});
    return answer;
  };
  let underWay = hold();
  let job = await jobs.next();
  return {
    async undisturbed() {
      const following = await client.requestWithInfo("following", { method });
      expect(following).toMatchObject({ output: "following", attempts: 1 });
      job.answer("done");
      expect(await underWay).toMatchObject({ output: "done", attempts: 1 });
      underWay = hold();
      job = await jobs.next();
    },
  };
}
