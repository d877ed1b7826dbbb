import { createServer } from "node:net";
import type { HubOptions } from "gibbs/hub";
import type { Events } from "./events.js";
import type { HandlerName } from "./peers/handlers.js";
import type { Peer } from "./peers.js";
import type { Program, ProgramEvent, Programs } from "./program.js";

/** The layout of a system's workers. */
export interface Layout {
  handler: HandlerName;
  /** Processes that host workers. */
  processes: number;
  /** Workers per process. */
  workers: number;
  /** Concurrent jobs per worker; 1 runs them one after another. */
  slots: number;
}

/** Two processes with one worker each, which runs up to 32 jobs at once that return immediately. */
export const twoWorkers: Layout = { handler: "echo", processes: 2, workers: 1, slots: 32 };

/** A running hub of ours. */
export interface GibbsHub {
  address: string;
  program: Program;
}

/** Starts a hub of ours; `execArgv` are Node options. */
export async function startHub(
  programs: Programs,
  options: HubOptions = {},
  execArgv: readonly string[] = [],
): Promise<GibbsHub> {
  const how = { execArgv };
  const { program, ready } = await programs.node<{ address: string }>("gibbs-hub", options, how);
  return { program, address: ready.address };
}

/** Starts a process with our workers. */
export async function startWorker(
  programs: Programs,
  hub: GibbsHub,
  { handler, workers, slots }: Omit<Layout, "processes">,
  more: { maxPayloadBytes?: number; onEvent?: (event: ProgramEvent) => void } = {},
): Promise<Program> {
  const { onEvent, ...options } = more;
  const given = { hub: hub.address, handler, workers, slots, ...options };
  return (await programs.node("gibbs-worker", given, { onEvent })).program;
}

/** Starts our client. */
export async function startClient(
  programs: Programs,
  hub: GibbsHub,
  options: { transport?: "unary"; maxPayloadBytes?: number } = {},
): Promise<Program> {
  return (await programs.node("gibbs-client", { hub: hub.address, ...options })).program;
}

/** Starts our hub and its workers. */
export async function startGibbs(
  programs: Programs,
  layout: Layout,
  options: HubOptions = {},
  execArgv: readonly string[] = [],
): Promise<GibbsHub> {
  const hub = await startHub(programs, options, execArgv);
  for (let i = 0; i < layout.processes; i += 1) await startWorker(programs, hub, layout);
  return hub;
}

/** Starts NATS with workers in a queue group; returns a client. */
export async function startNats(
  programs: Programs,
  peer: Peer,
  { handler, processes, workers, slots }: Layout,
  events?: Events,
): Promise<{ client: Program; workers: Program[] }> {
  const port = await startNatsServer(programs, peer);
  const options = { port, handler, workers, serial: slots === 1 };
  const started: Program[] = [];
  for (let i = 0; i < processes; i += 1) {
    started.push(
      (await programs.node("nats-worker", options, { onEvent: events?.from(i) })).program,
    );
  }
  const { program: client } = await programs.node("nats-client", { port });
  return { client, workers: started };
}

/** Starts worker processes of the original, and its hub, which lives in the client process. */
export async function startOriginal(
  programs: Programs,
  peer: Peer,
  options: { handler: "echo" | "square" | "telling"; blockMs?: number; processes: number },
  events?: Events,
): Promise<{ client: Program; workers: Program[] }> {
  const { handler, blockMs = 0, processes } = options;
  const port = await freePort();
  const { program: client } = await programs.python(peer.command, "original_client", { port });
  const workers: Program[] = [];
  const given = { port, handler, blockMs };
  for (let i = 0; i < processes; i += 1) {
    const hear = events?.from(i);
    workers.push((await programs.python(peer.command, "original_worker", given, hear)).program);
  }
  return { client, workers };
}

/** Starts workers of our Python SDK, each in its own process. */
export async function startPythonWorkers(
  programs: Programs,
  peer: Peer,
  hub: GibbsHub,
  { processes, slots }: { processes: number; slots: number },
): Promise<Program[]> {
  const options = { hub: hub.address, slots };
  const started: Program[] = [];
  for (let i = 0; i < processes; i += 1) {
    started.push((await programs.python(peer.command, "python_worker", options)).program);
  }
  return started;
}

/** Starts a client of our Python SDK. */
export async function startPythonClient(
  programs: Programs,
  peer: Peer,
  hub: GibbsHub,
): Promise<Program> {
  return (await programs.python(peer.command, "python_client", { hub: hub.address })).program;
}

/** Starts NATS with workers and a client in Python. */
export async function startNatsInPython(
  programs: Programs,
  { nats, python }: { nats: Peer; python: Peer },
  processes: number,
): Promise<{ client: Program; workers: Program[] }> {
  const options = { port: await startNatsServer(programs, nats) };
  const workers: Program[] = [];
  for (let i = 0; i < processes; i += 1) {
    workers.push((await programs.python(python.command, "nats_py_worker", options)).program);
  }
  const { program: client } = await programs.python(python.command, "nats_py_client", options);
  return { client, workers };
}

/** Starts mosec with worker processes, and an HTTP client in Python. */
export async function startMosec(
  programs: Programs,
  peer: Peer,
  processes: number,
): Promise<{ client: Program; server: Program }> {
  const options = { port: await freePort(), processes };
  const { program: server } = await programs.python(peer.command, "mosec_server", options);
  const { program: client } = await programs.python(peer.command, "mosec_client", options);
  return { client, server };
}

/** Starts grpc-js servers that run the handler themselves; returns their addresses. */
export async function startGrpcServers(
  programs: Programs,
  { handler, processes, workers, slots }: Layout,
  maxPayloadBytes: number = 4 * 1024 ** 2,
): Promise<string[]> {
  const addresses: string[] = [];
  for (let i = 0; i < processes; i += 1) {
    const options = { handler, servers: workers, serial: slots === 1, maxPayloadBytes };
    const { ready } = await programs.node<{ addresses: string[] }>("grpc-server", options);
    addresses.push(...ready.addresses);
  }
  return addresses;
}

/** Starts a grpc-js client that calls those servers round-robin. */
export async function startGrpcClient(
  programs: Programs,
  addresses: readonly string[],
  maxPayloadBytes: number = 4 * 1024 ** 2,
): Promise<Program> {
  return (await programs.node("grpc-client", { addresses, maxPayloadBytes })).program;
}

/** A free port. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" ? address?.port : undefined;
      server.close(() => (port === undefined ? reject(new Error("no free port")) : resolve(port)));
    });
  });
}

/** Starts a NATS server; returns its port. */
async function startNatsServer(programs: Programs, { command }: Peer): Promise<number> {
  const listening = /Listening for client connections on \S+:(\d+).*Server is ready/s;
  const args = ["--addr", "127.0.0.1", "--port", "-1"];
  const [, port] = await programs.server(command, args, listening);
  return Number(port);
}
