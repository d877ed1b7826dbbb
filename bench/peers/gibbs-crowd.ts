import { Client } from "gibbs/client";
import { optionsOf, serve } from "./serve.js";

/** Longer than any benchmark. */
const DAY_MS = 86_400_000;

// Callers of a hub who ask again whenever they are answered.
const { hub } = optionsOf<{ hub: string }>();
const client = new Client(hub, { timeoutMs: DAY_MS });
let answers = 0;
let onAnswer = (): void => {};

serve({}, { fill, answered }, () => process.exit());

/** Has so many callers ask; returns when all their requests are in the hub. */
async function fill({ callers }: { callers: number }): Promise<void> {
  for (let i = 0; i < callers; i += 1) {
    void call();
    // The client refuses what it cannot send soon.
    if (i % 10_000 === 0) await fence();
  }
  await fence();
}

async function call(): Promise<never> {
  for (;;) {
    // A worker that is stopped takes its requests along.
    await client.request(1).catch(() => {});
    answers += 1;
    onAnswer();
  }
}

/** A request that the hub refuses at once, when it has come to it on the one stream. */
async function fence(): Promise<void> {
  await client.request(null, { method: "fence", queueTimeoutMs: 0 }).catch(() => {});
}

/** Resolves after so many more answers. */
function answered({ count }: { count: number }): Promise<void> {
  const until = answers + count;
  return new Promise((resolve) => {
    onAnswer = () => {
      if (answers >= until) resolve();
    };
  });
}
