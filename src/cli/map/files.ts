import { createReadStream, fstatSync, open as openCallback, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { InvalidArgumentError } from "commander";
import { countLines } from "./lines.js";

const STDIN = 0;

/** Where the inputs come from. */
export interface Inputs {
  stream: Readable;
  stats: Stats;
  /** How many bytes there are to read; undefined if nobody knows. */
  bytes: number | undefined;
}

/** Opens the file, or the pipe; `-` is stdin. */
export async function openInputs(path: string): Promise<Inputs> {
  const fd = path === "-" ? STDIN : await promisify(openCallback)(path, "r");
  const stats = fstatSync(fd);
  return { stream: streamOf(fd, stats), stats, bytes: stats.isFile() ? stats.size : undefined };
}

function streamOf(fd: number, stats: Stats): Readable {
  if (stats.isFile()) return createReadStream("", { fd });
  if (fd === STDIN) return process.stdin;
  // A read of a silent pipe would otherwise hold up the end of the process.
  return stats.isFIFO() ? new Socket({ fd }) : createReadStream("", { fd });
}

/** A file that a run goes on with. */
export interface Out {
  stream: Writable;
  /** The lines that it has already. */
  lines: number;
  /** The bytes of a line without its end that were cut off. */
  tornBytes: number;
}

/**
 * Opens the file to append to it. A last line without its end was not written wholly,
 * and is cut off.
 *
 * @throws InvalidArgumentError if it is no file, or the file of the inputs.
 */
export async function openOut(path: string, inputs: Stats): Promise<Out> {
  const handle = await open(path, "a+");
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new InvalidArgumentError(`--out ${path} is no file; write to it with > instead`);
  }
  if (stats.dev === inputs.dev && stats.ino === inputs.ino) {
    await handle.close();
    throw new InvalidArgumentError(`--out ${path} is the file of the inputs`);
  }
  const { lines, endsAt } = await countLines(
    handle.createReadStream({ start: 0, autoClose: false }),
  );
  await handle.truncate(endsAt);
  return { stream: handle.createWriteStream(), lines, tornBytes: stats.size - endsAt };
}
