import { Worker as Thread } from "node:worker_threads";

/** The file descriptor of the worker process's end of a pipe to its agent. */
const LIFELINE_FD = 4;

const thread = `
  const { Socket } = require("node:net");
  const lifeline = new Socket({ fd: ${LIFELINE_FD} });
  lifeline.on("error", () => {});
  lifeline.on("close", () => process.kill(process.pid, "SIGKILL"));
  lifeline.resume();
`;

/**
 * Kills this process once its agent has ended, however the agent ended and whatever this process is
 * doing. A handler in an endless loop would never notice the closed IPC channel, so a separate
 * thread watches a pipe.
 */
export function holdLifeline(): void {
  new Thread(thread, { eval: true, execArgv: [] }).unref();
}
