import { join } from "node:path";
import { expect } from "vitest";
import { type Running, root, start } from "../support/running.js";
import { findTool } from "../support/tools.js";

/** How to build and start the workers of one language, from the project's root. */
export interface Language {
  name: string;
  /** The commands that must be installed. */
  tools: readonly string[];
  /** Builds the worker; undefined if there is nothing to build. */
  build?: { cwd: string; command: readonly [string, ...string[]] };
  /** A worker that serves `square`, for the hub named by `GIBBS_HUB`. */
  square: readonly [string, ...string[]];
  /** A client that prints the answer to its arguments, a method and an input. */
  ask?: readonly [string, ...string[]];
  /**
   * Workers that serve the methods of the conformance kit; TypeScript's are in test/conformance.
   */
  models: readonly (readonly [string, ...string[]])[];
  /** The scenarios of the kit that its worker does not claim: it is an example, not an SDK. */
  notClaimed?: readonly string[];
}

const rust = "examples/rust-worker/target/debug/gibbs-rust-worker";
const jars = ["classes", "lib/*"].map((name) => `examples/java-worker/target/${name}`).join(":");

const python = "sdk/python/.venv/bin/python";

/** Every language with a worker in this project. */
export const languages: readonly Language[] = [
  {
    name: "TypeScript",
    tools: [],
    square: [
      process.execPath,
      ..."bin/gibbs.js worker examples/square.js --method square --count 2".split(" "),
    ],
    ask: [process.execPath, "bin/gibbs.js", "request", "--method"],
    models: [],
  },
  {
    name: "Python",
    tools: ["python3"],
    build: { cwd: "sdk/python", command: ["python3", "scripts/venv.py"] },
    square: [python, "sdk/python/examples/square.py"],
    ask: [python, "sdk/python/examples/ask.py"],
    models: ["thread", "process"].map((isolation) => [
      python,
      "sdk/python/examples/conformance.py",
      isolation,
    ]),
  },
  {
    name: "Go",
    tools: ["go"],
    build: {
      cwd: "sdk/go",
      command: ["go", "build", "-o", ".build/", "./examples/..."],
    },
    square: ["sdk/go/.build/square"],
    ask: ["sdk/go/.build/ask"],
    models: [["sdk/go/.build/conformance"]],
  },
  {
    name: "Rust",
    tools: ["cargo"],
    build: { cwd: "examples/rust-worker", command: ["cargo", "build", "--locked", "--quiet"] },
    square: [rust],
    models: [[rust]],
    notClaimed: ["goaway-hands-over"],
  },
  {
    name: "Java",
    tools: ["java", "mvn"],
    build: {
      cwd: "examples/java-worker",
      command: ["mvn", "--batch-mode", "--quiet", "process-classes"],
    },
    square: ["java", "-cp", jars, "example.Main"],
    models: [["java", "-cp", jars, "example.Main"]],
    notClaimed: ["goaway-hands-over"],
  },
];

/** Builds the worker of a language; false if its tools are not installed. */
export async function build({ name, tools, build }: Language): Promise<boolean> {
  if (!tools.every((tool) => findTool(tool, `the ${name} worker`) !== undefined)) return false;
  if (build === undefined) return true;
  const [command, ...args] = build.command;
  const { code, stdout, stderr } = await start(command, args, { cwd: join(root, build.cwd) }).ended;
  expect(code, `${build.command.join(" ")}\n${stdout}${stderr}`).toBe(0);
  return true;
}

/** Whether the worker's process gave the answer: its label contains the process id. */
export function isOf({ process: child }: Running, { workerId }: { workerId: string }): boolean {
  return workerId.split("-").includes(String(child.pid));
}
