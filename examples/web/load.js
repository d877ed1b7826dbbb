// Sends ten requests at once and prints the time taken: node examples/web/load.js [url]
const url = process.argv[2] ?? "http://127.0.0.1:8000/request";
const inputs = Array.from({ length: 10 }, (_, index) => index + 1);

const startedAt = performance.now();
const answers = await Promise.all(inputs.map(async (x) => (await fetch(`${url}?x=${x}`)).json()));
const seconds = (performance.now() - startedAt) / 1000;

for (const [index, { result }] of answers.entries()) {
  if (result !== inputs[index] ** 2) throw new Error(`${inputs[index]} squared is not ${result}`);
}
console.log(`10 requests: ${seconds.toFixed(3)} s`);
