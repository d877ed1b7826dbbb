// Checks that the list of faults, their tests and their rows in the docs have the same ids in the
// same order, and reports any that are missing: npm run check:faults
// A test is an `it("<id> ...")` or `it.each([...])("<id> ...")` in test/faults; skipped tests do
// not count.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const list = "test/faults/list.js";
const document = "docs/reliability.md";
const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));

const { faults } = await import(pathToFileURL(join(root, list)).href);
const ids = faults.map(({ id }) => id);
const rows = found(document, /^\| *([A-Z]\d+) *\|/gm);
const tests = readdirSync(join(root, "test/faults"))
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => {
    const file = join("test/faults", name);
    return { file, titles: found(file, /^\s*(?:it|it\.each.*\]\)|\]\))\(\s*"([^"]*)/gm) };
  });
const tested = tests.flatMap(({ titles }) => titles.map(idOf));

const problems = [
  ...twice(ids).map((id) => `${list} has ${id} twice`),
  ...twice(rows).map((id) => `${document} has ${id} in two rows`),
  ...twice(tested.filter(Boolean)).map((id) => `test/faults has two tests of ${id}`),
  ...missing(ids, rows).map((id) => `${document} has no row for ${id}`),
  ...missing(ids, tested).map((id) => `test/faults has no test of ${id}`),
  ...missing(rows, ids).map((id) => `${document} has a row for ${id}, which is not in ${list}`),
  ...disorder(rows).map((id) => `${document} has ${id} in a different order than ${list}`),
  ...tests.flatMap(({ file, titles }) => [
    ...titles
      .filter((title) => !ids.includes(idOf(title)))
      .map((title) => `${file}: "${title}" does not begin with an id from ${list}`),
    ...disorder(titles.map(idOf)).map(
      (id) => `${file} has ${id} in a different order than ${list}`,
    ),
  ]),
];

for (const problem of problems) console.log(problem);
console.log(`${ids.length} faults, ${tested.length} tests, ${rows.length} rows`);
process.exitCode = problems.length === 0 ? 0 : 1;

function found(file, pattern) {
  return Array.from(readFileSync(join(root, file), "utf8").matchAll(pattern), ([, one]) => one);
}

function idOf(title) {
  return /^[A-Z]\d+(?= )/.exec(title)?.[0];
}

function twice(all) {
  return all.filter((id, index) => all.indexOf(id) !== index);
}

function missing(wanted, all) {
  return wanted.filter((id) => !all.includes(id));
}

/** Returns the ids that are out of order: those that follow an id that the list has later. */
function disorder(all) {
  const places = all.map((id) => ids.indexOf(id)).filter((place) => place >= 0);
  return places
    .filter((place, index) => index > 0 && place < places[index - 1])
    .map((at) => ids[at]);
}
