// Extracts the snippets of README and docs and runs them: npm run check:docs
//
// A fence's language, and the word after it, determine how its snippet runs:
//   ts, js             as a program that must exit with 0 and print what its
//                      `console.log(...); // comments` say
//   ts serves          as a program that serves until SIGTERM
//   js file=NAME       saved as a file for the snippets that follow, and loaded
//   sh                 line by line; each line must exit with 0
//   sh terminals       every line except the last in a separate terminal
// 127.0.0.1:5019 in a snippet is replaced by the address of a hub with workers running
// the README's model.mjs, which is also the default hub of gibbs commands.
// Other languages are not run.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/web/README.md"];
const pages = readdirSync(join(root, "docs"), { recursive: true }).sort();
documents.push(...pages.filter((name) => name.endsWith(".md")).map((name) => join("docs", name)));

// Inside the root, so that snippets can import its installed packages.
mkdirSync(join(root, ".snippets"), { recursive: true });
const folder = mkdtempSync(join(root, ".snippets/run-"));
const gobin = join(homedir(), "go/bin");
const path = [join(root, "node_modules/.bin"), process.env.PATH, gobin].join(":");
const running = new Set();
let failures = 0;
let count = 0;
let served;

try {
  for (const document of documents) await checkDocument(document);
} finally {
  await stopAll();
  rmSync(join(root, ".snippets"), { recursive: true });
}
console.log(`${count - failures} snippets passed, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;

async function checkDocument(document) {
  const text = readFileSync(join(root, document), "utf8");
  const fences = text.matchAll(/^```(ts|js|sh)(?: ([^\n]*))?\n(.*?)^```$/gms);
  for (const { index, 1: language, 2: how = "", 3: code } of fences) {
    const place = `${document}:${text.slice(0, index).split("\n").length}`;
    count += 1;
    try {
      await runSnippet(language, how, code, document);
      console.log(`ok      ${place}`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED  ${place}: ${error.message}`);
    }
  }
}

async function runSnippet(language, how, code, document) {
  const cwd = document.startsWith("examples/") || /\bexamples\/|\bnpm /.test(code) ? root : folder;
  if (language === "sh" && how === "terminals") return runTerminals(code, cwd);
  if (language === "sh") return runLines(code, cwd);
  if (how.startsWith("file=")) return keepFile(how.slice("file=".length), code);
  await runProgram(language, code, how === "serves");
}

async function keepFile(name, code) {
  writeFileSync(join(folder, name), code);
  const { status, output } = await finish(launch(`tsx -e 'import "./${name}"'`, folder));
  if (status !== 0) throw new Error(`${name} cannot be loaded: ${output}`);
  if (name === "model.mjs") served = await serveModel();
}

async function runProgram(language, code, serves) {
  const name = `snippet-${count}.${language === "ts" ? "mts" : "mjs"}`;
  writeFileSync(join(folder, name), code.replaceAll("127.0.0.1:5019", served.address));
  const program = launch(`exec tsx ${name}`, folder);
  if (serves) {
    // Waits for the program's first line on stderr, or 10 s.
    await once(program.process.stderr, "data", { signal: AbortSignal.timeout(10_000) }).catch(
      () => {},
    );
    program.process.kill("SIGTERM");
  }
  const { status, output } = await finish(program);
  if (status !== 0) throw new Error(`ended with ${status}: ${output}`);
  const promised = Array.from(
    code.matchAll(/console\.log\(.*\); \/\/ ([^,\n]*)/g),
    ([, text]) => text,
  );
  const printed = output.split("\n").filter((line) => line !== "");
  for (const [index, text] of promised.entries()) {
    if (!same(printed[index], text)) throw new Error(`printed ${printed[index]}, not ${text}`);
  }
}

function same(printed = "", promised = "") {
  const plain = (text) => text.replaceAll(/['"\s]/g, "");
  return plain(promised).startsWith("{") || plain(printed) === plain(promised);
}

async function runLines(code, cwd) {
  for (const line of lines(code)) {
    const command = line.replace(/^npm ci && /, "");
    if (command.startsWith("grpcurl") && !hasGrpcurl()) continue;
    const env = served === undefined ? {} : { GIBBS_HUB: served.address };
    const { status, output } = await finish(launch(onHub(command), cwd, env));
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${output}`);
  }
}

async function runTerminals(code, cwd) {
  const commands = lines(code);
  const address = `127.0.0.1:${await freePort()}`;
  const port = String(await freePort());
  const env = { GIBBS_LISTEN: address, GIBBS_HUB: address, PORT: port };
  const opened = [];
  for (const command of commands.slice(0, -1)) {
    const terminal = launch(`exec ${command}`, cwd, env);
    opened.push(terminal);
    await firstLine(terminal);
  }
  const last = commands.at(-1).replace("load.js", `load.js http://127.0.0.1:${port}/request`);
  const { status, output } = await finish(launch(last, cwd, env));
  for (const terminal of opened.reverse()) await stop(terminal);
  if (status !== 0) throw new Error(`${last} ended with ${status}: ${output}`);
}

async function serveModel() {
  const gibbs = `exec node ${join(root, "bin/gibbs.js")}`;
  const hub = launch(`${gibbs} hub --listen 127.0.0.1:0 --log-level info`, folder);
  const address = (await firstLine(hub)).split(" ").at(-1);
  await firstLine(launch(`${gibbs} worker ./model.mjs --count 4 --hub ${address}`, folder));
  return { address, nextWorker: () => logged(hub, "worker connected") };
}

function logged({ process: child }, message) {
  return new Promise((resolve) => {
    child.stderr.on("data", (chunk) => {
      if (String(chunk).includes(message)) resolve();
    });
  });
}

async function firstLine({ process: child, ended }) {
  const first = await Promise.race([once(child.stdout, "data"), ended]);
  if (!Array.isArray(first)) throw new Error(`exited before printing a line: ${first.output}`);
  return String(first[0]).trim();
}

function onHub(command) {
  return command.replaceAll(/(localhost|127\.0\.0\.1):5019/g, served?.address ?? "$&");
}

function lines(code) {
  const joined = code.replaceAll("\\\n", " ").split("\n");
  return joined
    .map((line) => line.replace(/ +#.*/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function hasGrpcurl() {
  if (spawnSync("grpcurl", ["--version"], { env: { ...process.env, PATH: path } }).status === 0)
    return true;
  if (process.env.CI === "true") throw new Error("grpcurl is not installed, and CI must have it");
  console.log("SKIPPED a line: grpcurl is not installed");
  return false;
}

function launch(command, cwd, env = {}) {
  const child = spawn("bash", ["-c", command], {
    cwd,
    env: { ...process.env, PATH: path, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const ended = once(child, "close").then(([status]) => {
    running.delete(launched);
    return { status, output };
  });
  const launched = { process: child, ended };
  running.add(launched);
  return launched;
}

async function finish(launched) {
  const patience = setTimeout(() => signal(launched, "SIGKILL"), 60_000);
  const result = await launched.ended;
  clearTimeout(patience);
  return result;
}

async function stop(launched) {
  signal(launched, "SIGTERM");
  await finish(launched);
}

function signal({ process: child }, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // The process has already exited.
  }
}

async function stopAll() {
  for (const launched of [...running].reverse()) await stop(launched);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
