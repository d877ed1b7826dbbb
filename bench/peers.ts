import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { peersFolder } from "./paths.js";

/** A peer that can be measured. */
export interface Peer {
  /** What is to be run: the server of NATS, the Python of the original. */
  command: string;
  version: string;
}

/** The peers that `setup.sh` has installed; undefined is one that is not there. */
export interface Peers {
  nats: Peer | undefined;
  original: Peer | undefined;
}

/** What stands in the table for the figure of a peer that is not there. */
export const NOT_INSTALLED = "not installed";

/** Looks for the peers. */
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
