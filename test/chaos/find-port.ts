import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ephemeral range: if an outgoing connection got the very port it dials while nothing
 * listens there, it would connect to itself.
 */
const FIRST = 20_000;
const COUNT = 10_000;

/**
 * Finds a port on which nothing listens now, and which stays free while its listener is away for a
 * moment.
 */
export async function findPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer();
    try {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
