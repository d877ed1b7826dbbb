import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below what systems give to those who dial: a dialler that is given the very
 * port that it dials, while nobody listens there, is connected with itself.
 */
const FIRST = 20_000;
const COUNT = 10_000;

/** A port where nobody listens now, and that stays free while its listener is away for a moment. */
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
