import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { peersFolder } from "./paths.js";

/** An installed peer. */
export interface Peer {
  /** The command to run: the NATS server, or the original's Python. */
  command: string;
  version: string;
}

/** The peers installed by `setup.sh`; undefined for one that is missing. */
export interface Peers {
  nats: Peer | undefined;
  original: Peer | undefined;
}

/** The table entry for a peer that is missing. */
export const NOT_INSTALLED = "not installed";

/** Finds the installed peers. */
export function findPeers(): Peers {
  return { nats: findNats(), original: findOriginal() };
}

function findNats(): Peer | undefined {
  const client = join(peersFolder, "node_modules/@nats-io/transport-node/package.json");
  if (!existsSync(client)) return undefined;
  for (const command of [join(peersFolder, "bin/nats-server"), "nats-server"]) {
    const { stdout, status } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (status !== 0) continue;
    const { version } = JSON.parse(readFileSync(client, "utf8")) as { version: string };
    return { command, version: `${stdout.trim()}, its client for Node ${version}` };
  }
  return undefined;
}

function findOriginal(): Peer | undefined {
  const command = join(peersFolder, "venv/bin/python");
  const ask = "import gibbs, platform; from importlib.metadata import version as v; ";
  const show = "print(f\"gibbs {v('gibbs')}, Python {platform.python_version()}\")";
  const { stdout, status } = spawnSync(command, ["-c", ask + show], { encoding: "utf8" });
  return status === 0 ? { command, version: stdout.trim() } : undefined;
}
