import { Worker as Thread } from "node:worker_threads";

/** The file descriptor of a worker process whose other end its agent holds. */
const LIFELINE_FD = 4;

const thread = `
  const { Socket } = require("node:net");
  const lifeline = new Socket({ fd: ${LIFELINE_FD} });
  lifeline.on("error", () => {});
  lifeline.on("close", () => process.kill(process.pid, "SIGKILL"));
  lifeline.resume();
`;

/**
 * Ends this process when its agent has ended, however that did, and whatever
 * this process does: a handler in an endless loop would never see that its
 * channel is closed, so a thread of its own looks at a pipe.
 */
export function holdLifeline(): void {
  new Thread(thread, { eval: true, execArgv: [] }).unref();
}
