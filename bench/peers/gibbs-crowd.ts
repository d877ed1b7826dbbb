import { Client } from "gibbs/client";
import { optionsOf, serve } from "./serve.js";

/** Longer than any benchmark. */
const DAY_MS = 86_400_000;

// Callers of a hub that send another request as soon as they are answered.
const { hub } = optionsOf<{ hub: string }>();
const client = new Client(hub, { timeoutMs: DAY_MS });
let answers = 0;
let onAnswer = (): void => {};

serve({}, { fill, answered }, () => process.exit());

/** Starts `callers` callers; returns once all their requests are at the hub. */
async function fill({ callers }: { callers: number }): Promise<void> {
  for (let i = 0; i < callers; i += 1) {
    void call();
    // The client rejects requests while too much is waiting to be sent.
    if (i % 10_000 === 0) await fence();
  }
  await fence();
}

async function call(): Promise<never> {
  for (;;) {
    // Requests are lost when a worker is stopped.
    await client.request(1).catch(() => {});
    answers += 1;
    onAnswer();
  }
}

/**
 * Sends a request that the hub refuses as soon as it reads it, which is after everything sent
 * earlier on the same stream.
 */
async function fence(): Promise<void> {
  await client.request(null, { method: "fence", queueTimeoutMs: 0 }).catch(() => {});
}

/** Resolves after another `count` answers. */
function answered({ count }: { count: number }): Promise<void> {
  const until = answers + count;
  return new Promise((resolve) => {
    onAnswer = () => {
      if (answers >= until) resolve();
    };
  });
}
