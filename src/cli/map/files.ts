import { createReadStream, fstatSync, open as openCallback, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { InvalidArgumentError } from "commander";
import { countLines } from "./lines.js";

const STDIN = 0;

/** The source of the inputs. */
export interface Inputs {
  stream: Readable;
  stats: Stats;
  /** Total number of bytes; undefined if unknown. */
  bytes: number | undefined;
}

/** Opens the file or pipe; `-` is stdin. */
export async function openInputs(path: string): Promise<Inputs> {
  const fd = path === "-" ? STDIN : await promisify(openCallback)(path, "r");
  const stats = fstatSync(fd);
  return { stream: streamOf(fd, stats), stats, bytes: stats.isFile() ? stats.size : undefined };
}

function streamOf(fd: number, stats: Stats): Readable {
  if (stats.isFile()) return createReadStream("", { fd });
  if (fd === STDIN) return process.stdin;
  // A pending read of a silent pipe would otherwise delay the process's exit.
  return stats.isFIFO() ? new Socket({ fd }) : createReadStream("", { fd });
}

/** The output file, opened for a run to append to. */
export interface Out {
  stream: Writable;
  /** Lines already in the file. */
  lines: number;
  /** Bytes of an unfinished last line that were cut off. */
  tornBytes: number;
}

/**
 * Opens the file for appending. A last line without a newline was only partly written, and is cut
 * off.
 *
 * @throws InvalidArgumentError if it is not a regular file, or is the input file.
 */
export async function openOut(path: string, inputs: Stats): Promise<Out> {
  const handle = await open(path, "a+");
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new InvalidArgumentError(
      `--out ${path} is not a regular file; redirect to it with > instead`,
    );
  }
  if (stats.dev === inputs.dev && stats.ino === inputs.ino) {
    await handle.close();
    throw new InvalidArgumentError(`--out ${path} is also the input file`);
  }
  const { lines, endsAt } = await countLines(
    handle.createReadStream({ start: 0, autoClose: false }),
  );
  await handle.truncate(endsAt);
  return { stream: handle.createWriteStream(), lines, tornBytes: stats.size - endsAt };
}
