import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import type { HttpProxy } from "./proxy.js";

/**
 * Asks the HTTP proxy at the other end of `socket` for a connection to `hub`. Resolves once the
 * socket is that connection.
 *
 * grpc-js could do it, but would wait for ever for a proxy that does not answer, keep the process
 * alive meanwhile, and print failures to stderr.
 *
 * @throws Error if the proxy refuses, or the socket is closed.
 */
export function openTunnel(socket: Socket, hub: string, { credentials }: HttpProxy): Promise<void> {
  const headers: Record<string, string> = { Host: hub, Connection: "keep-alive" };
  if (credentials !== undefined) {
    headers["Proxy-Authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  }
  return new Promise((resolve, reject) => {
    const refuse = ({ statusCode, statusMessage }: IncomingMessage): void => {
      socket.destroy();
      reject(new Error(`the proxy answered ${statusCode} ${statusMessage}`));
    };
    const asking = request({
      method: "CONNECT",
      path: hub,
      headers,
      setHost: false,
      createConnection: () => socket,
    });
    asking.on("error", reject);
    asking.on("response", refuse);
    asking.on("connect", (answer, _socket, head) => {
      if (answer.statusCode !== 200) return refuse(answer);
      if (head.length > 0) socket.unshift(head);
      resolve();
    });
    asking.end();
  });
}
