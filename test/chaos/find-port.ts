import { once } from "node:events";
import { createServer } from "node:net";

/**
 * The first port of a range below the ephemeral ports. An outgoing connection that was assigned the
 * very port it dials would connect to itself while nothing listens there.
 */
const FIRST = 20_000;
const COUNT = 10_000;

/**
 * Finds a port on which nothing is listening, and that stays free while its listener is briefly
 * away.
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
