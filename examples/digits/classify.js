// Sends the held-out images to one worker process, then to four.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Client } from "gibbs/client";

const file = new URL(".build/held-out.json", import.meta.url);
const { images, labels, local } = JSON.parse(readFileSync(file, "utf8"));
const client = new Client(process.env.GIBBS_HUB);

async function classify(method) {
  const began = performance.now();
  const answers = [];
  for await (const answer of client.map(images, { method })) answers.push(answer);
  return { answers, seconds: (performance.now() - began) / 1000 };
}

const one = await classify("one");
const four = await classify("four");
client.close();

const isLocal = ({ digit, probability }, i) =>
  digit === local[i].digit && probability === local[i].probability;
const equal = images.filter((_, i) => isLocal(one.answers[i], i) && isLocal(four.answers[i], i));
const right = four.answers.filter(({ digit }, i) => digit === labels[i]);

console.log(`predictions equal to local: ${equal.length} of ${images.length}`);
console.log(`accuracy: ${(right.length / images.length).toFixed(3)}`);
console.log(`seconds with one worker: ${one.seconds.toFixed(2)}`);
console.log(`seconds with four: ${four.seconds.toFixed(2)}`);
console.log(`ratio: ${(one.seconds / four.seconds).toFixed(2)} (${availableParallelism()} cores)`);
if (equal.length < images.length) process.exitCode = 1;
