import { expect, it } from "vitest";
import type { Answer } from "../../src/client/client.js";
import { gibbsHub, start, startClient } from "../support/running.js";
import { build, isOf, type Language, languages } from "./languages.js";

const REQUESTS = 2000;
const AT_ONCE = 64;
/** The minimum share of requests that the worker of each language must have answered. */
const LEAST_SHARE = 0.05;

it("shares one method among the workers of all languages, each request run once", {
  timeout: 15 * 60_000,
}, async () => {
  const built: Language[] = [];
  // One after another: compilers use all cores.
  for (const language of languages) if (await build(language)) built.push(language);
  const hub = await gibbsHub();
  const workers = built.map(({ name, square: [command, ...args] }) => ({
    name,
    running: start(command, args, { env: { GIBBS_HUB: hub.address } }),
  }));
  const client = startClient(hub.address);
  const square = (x: number): Promise<Answer<number>> =>
    client.requestWithInfo<number>(x, { method: "square" });

  // Some take longer to start than others. Once each has answered, all are connected.
  const absent = new Set(workers);
  while (absent.size > 0) {
    const answer = await square(1);
    for (const worker of absent) if (isOf(worker.running, answer)) absent.delete(worker);
  }

  const answers: Answer<number>[] = [];
  let next = 0;
  const ask = async (): Promise<void> => {
    while (next < REQUESTS) {
      const x = next++;
      answers[x] = await square(x);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));

  expect(answers.map(({ output }) => output)).toEqual(answers.map((_, x) => x ** 2));
  // The number of jobs written equals the number of requests: none ran twice.
  expect(answers.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(REQUESTS);
  const shares = workers.map(({ name, running }) => ({
    name,
    share: answers.filter((answer) => isOf(running, answer)).length / REQUESTS,
  }));
  expect(shares.filter(({ share }) => share < LEAST_SHARE)).toEqual([]);
  expect(shares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);

  for (const { running } of workers) running.process.kill("SIGTERM");
  await Promise.all(workers.map(({ running }) => running.ended));
});
