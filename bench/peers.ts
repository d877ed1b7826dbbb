import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { peersFolder } from "./paths.js";

/** An installed peer. */
export interface Peer {
  /** The command to run: the NATS server, or a Python interpreter. */
  command: string;
  version: string;
}

/** The peers installed by `setup.sh`; undefined for one that is missing. */
export interface Peers {
  nats: Peer | undefined;
  original: Peer | undefined;
  /** Our Python SDK, and the NATS client for Python. */
  python: Peer | undefined;
  /** mosec, and aiohttp as its client. */
  mosec: Peer | undefined;
}

/** The table entry for a peer that is missing. */
export const NOT_INSTALLED = "not installed";

/** Finds the installed peers. */
export function findPeers(): Peers {
  return {
    nats: findNats(),
    original: findOriginal(),
    python: findPython(),
    mosec: findInVenv("mosec, aiohttp", "mosec {v('mosec')}, aiohttp {v('aiohttp')}"),
  };
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
  return findInVenv("gibbs", "gibbs {v('gibbs')}, Python {platform.python_version()}");
}

function findPython(): Peer | undefined {
  return findInVenv("gibbs_worker, nats", "grpcio {v('grpcio')}, nats-py {v('nats-py')}");
}

/** Finds modules in the virtual environment; `version` is the body of a Python f-string. */
function findInVenv(modules: string, version: string): Peer | undefined {
  const command = join(peersFolder, "venv/bin/python");
  const code = `import platform, ${modules}; from importlib.metadata import version as v; print(f"${version}")`;
  const { stdout, status } = spawnSync(command, ["-c", code], { encoding: "utf8" });
  return status === 0 ? { command, version: stdout.trim() } : undefined;
}
