#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error("gibbs is not built: run `npm ci` (or `npm run build`) in its folder first");
  process.exitCode = 1;
}
