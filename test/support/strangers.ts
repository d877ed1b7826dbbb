import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

// What may be at the address of a hub instead of one.

/** Where nobody listens. */
export const DEAD = "127.0.0.1:1";

/** Lets a server listen on a free port; it and its connections are closed when the test ends. */
export async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that accepts connections and says nothing. */
export function startMute(): Promise<string> {
  return listen(createServer(() => {}));
}

/** A web server, which speaks HTTP/1. */
export function startWeb(): Promise<string> {
  return listen(createHttpServer((_request, response) => response.end("hello")));
}

/** A server that speaks HTTP/2 and is not a hub: it answers 404, or nothing at all. */
export function startStranger(answers = true): Promise<string> {
  const server = createHttp2Server();
  server.on("session", (session) => session.on("error", () => {}));
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    if (answers) stream.respond({ ":status": 404 }, { endStream: true });
  });
  return listen(server as unknown as Server);
}
