import { createRequire } from "node:module";
import { join } from "node:path";
import { peersFolder } from "../paths.js";

/** The parts of a NATS message used here. */
export interface NatsMessage {
  json<T>(): T;
  respond(payload: string): boolean;
}

/** The parts of a NATS connection used here. */
export interface NatsConnection {
  request(subject: string, payload: string, options: { timeout: number }): Promise<NatsMessage>;
  subscribe(
    subject: string,
    options: { queue: string; callback?: (error: Error | null, message: NatsMessage) => void },
  ): AsyncIterable<NatsMessage>;
  /** Resolves when the server has processed everything sent. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** The subject for requests. */
export const SUBJECT = "bench";

/** Connects to the server with the client installed by `setup.sh`. */
export function connectNats(port: number): Promise<NatsConnection> {
  const load = createRequire(join(peersFolder, "package.json"));
  const { connect } = load("@nats-io/transport-node") as {
    connect(options: { servers: string }): Promise<NatsConnection>;
  };
  return connect({ servers: `127.0.0.1:${port}` });
}
