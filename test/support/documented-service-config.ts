import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.js";

/** The service config that docs/reliability.md recommends for generated clients, as JSON. */
export function documentedServiceConfig(): string {
  const page = readFileSync(join(root, "docs/reliability.md"), "utf8");
  const [, config = ""] = /```json\n(\{\n {2}"methodConfig".*?)```/s.exec(page) ?? [];
  return JSON.stringify(JSON.parse(config));
}
