import { expect } from "vitest";
import type { Answer } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";
import type { JobContext } from "../../src/worker/handler.js";
import { HeldJobs } from "./held-jobs.js";
import { startClient, startWorker } from "./running.js";

/** Others at the same hub: a worker and a client of their own, with a request under way throughout. */
export interface Witness {
  /**
   * Fails unless the request that was under way is answered by its first
   * attempt, and a following one too. Another is under way from then on.
   */
  undisturbed(): Promise<void>;
}

/** Starts others whom a fault must not touch. They are there when it resolves. */
export async function startWitness(hub: Hub | string): Promise<Witness> {
  const method = "witness";
  const jobs = new HeldJobs();
  const handle = (x: string, context: JobContext): unknown =>
    x === "held" ? jobs.handler(x, context) : x;
  // Two slots: one for what is under way, one for what follows.
  await startWorker(hub, handle, { method, workerId: method, slots: 2 });
  const client = startClient(hub);
  const hold = (): Promise<Answer<unknown>> => {
    const answer = client.requestWithInfo("held", { method });
    // Unless the test asks for it, it ends with the test.
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
