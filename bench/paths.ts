import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the benchmark's programs, as they are built: `bench/.build`. */
const built = fileURLToPath(new URL(".", import.meta.url));

/** The folder `bench`. */
export const benchFolder: string = join(built, "..");

/** The folder of the project. */
export const root: string = join(benchFolder, "..");

/** Where `setup.sh` installs the peers. */
export const peersFolder: string = join(benchFolder, ".peers");

/** The file of a Node program of `bench/peers`, in this checkout or in the one at `checkout`. */
export function nodeProgram(name: string, checkout?: string): string {
  const folder = checkout === undefined ? built : join(checkout, "bench/.build");
  return join(folder, "peers", `${name}.js`);
}

/** The file of a Python program of `bench/peers`. */
export function pythonProgram(name: string): string {
  return join(benchFolder, "peers", `${name}.py`);
}
