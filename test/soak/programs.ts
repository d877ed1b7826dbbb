import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../support/root.js";

const folder = "test/soak/programs";
const node = [process.execPath, "--import", "tsx"];
const python = ["sdk/python/.venv/bin/python"];
const go = ["sdk/go/.build/soak"];
const jars = ["classes", "lib/*"].map((name) => `examples/java-worker/target/${name}`).join(":");
const java = ["java", "-XX:TieredStopAtLevel=1", "-cp", jars];

/** The languages of programs, with what they need installed, and how they are built. */
const builds = {
  TypeScript: { tools: [], cwd: ".", command: ["npm", "run", "build"] },
  Python: { tools: ["python3"], cwd: "sdk/python", command: ["python3", "scripts/venv.py"] },
  Go: {
    tools: ["go"],
    cwd: "sdk/go",
    command: ["go", "build", "-o", ".build/", "./internal/soak"],
  },
  Java: {
    tools: ["java", "mvn"],
    cwd: "examples/java-worker",
    command: ["mvn", "--batch-mode", "--quiet", "process-classes"],
  },
};

export type Language = keyof typeof builds;

/** A program that a run starts, from the project's root. */
export interface ProgramKind {
  /** Unique; names the SDK and what is special. */
  name: string;
  language: Language;
  command: readonly string[];
}

/** One program that serves, for each SDK. */
export const workers: readonly ProgramKind[] = [
  { name: "TypeScript", language: "TypeScript", command: [...node, `${folder}/worker.ts`] },
  { name: "Python", language: "Python", command: [...python, `${folder}/worker.py`] },
  { name: "Go", language: "Go", command: [...go, "worker"] },
];

/** The programs that call by an SDK. */
export const sdkCallers: readonly ProgramKind[] = [
  ...["multiplex", "unary"].map((how) => typescript(how)),
  ...["async", "sync", "unary"].map((how) => ({
    name: `Python ${how}`,
    language: "Python" as const,
    command: [...python, `${folder}/caller.py`, how],
  })),
  ...["multiplex", "unary"].map((how) => ({
    name: `Go ${how}`,
    language: "Go" as const,
    command: [...go, how],
  })),
];

/** The programs that call by a generated client. */
export const generatedCallers: readonly ProgramKind[] = [
  typescript("generated"),
  {
    name: "Python generated",
    language: "Python",
    command: [...python, `${folder}/caller.py`, "generated"],
  },
  { name: "Go generated", language: "Go", command: [...go, "generated"] },
  {
    name: "Java generated",
    language: "Java",
    command: [...java, `${folder}/GeneratedCaller.java`],
  },
];

function typescript(how: string): ProgramKind {
  return {
    name: `TypeScript ${how}`,
    language: "TypeScript",
    command: [...node, `${folder}/caller.ts`, how],
  };
}

/**
 * Builds what the programs need, or those of these names; returns those whose tools are installed,
 * and says which others are left out.
 */
export function build(
  say: (line: string) => void,
  names?: readonly string[],
): readonly ProgramKind[] {
  const everyKind = [...workers, ...sdkCallers, ...generatedCallers];
  const kinds = everyKind.filter(({ name }) => names?.includes(name) ?? true);
  const missing = new Set<Language>();
  for (const language of new Set(kinds.map((kind) => kind.language))) {
    const { tools, cwd, command } = builds[language];
    const absent = tools.filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
    if (absent.length > 0) {
      say(`left out: ${language}, because ${absent.join(" and ")} is not installed`);
      missing.add(language);
      continue;
    }
    const [file = "", ...args] = command;
    execFileSync(file, args, { cwd: join(root, cwd), stdio: ["ignore", "ignore", "inherit"] });
  }
  return kinds.filter(({ language }) => !missing.has(language));
}
