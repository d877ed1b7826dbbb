import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the compiled benchmark programs: `bench/.build`. */
const built = fileURLToPath(new URL(".", import.meta.url));

/** The `bench` folder. */
export const benchFolder: string = join(built, "..");

/** The project's root folder. */
export const root: string = join(benchFolder, "..");

/** Where `setup.sh` installs the peers. */
export const peersFolder: string = join(benchFolder, ".peers");

/** The path of a Node program in `bench/peers`, in this checkout or in the one at `checkout`. */
export function nodeProgram(name: string, checkout?: string): string {
  const folder = checkout === undefined ? built : join(checkout, "bench/.build");
  return join(folder, "peers", `${name}.js`);
}

/** The path of a Python program in `bench/peers`. */
export function pythonProgram(name: string): string {
  return join(benchFolder, "peers", `${name}.py`);
}
