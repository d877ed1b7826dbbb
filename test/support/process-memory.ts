import { readFileSync } from "node:fs";
import type { Running } from "./running.js";

/**
 * The resident memory of a process in bytes, now and at its peak; undefined on a system without
 * /proc.
 */
export function memoryOf({ process: child }: Running): { now: number; most: number } | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  } catch {
    return undefined;
  }
  const bytes = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { now: bytes("VmRSS"), most: bytes("VmHWM") };
}
