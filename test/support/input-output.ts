import childProcess from "node:child_process";
import dgram from "node:dgram";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

// biome-ignore lint/suspicious/noExplicitAny: matches the signature of any method
type Method = (...args: any[]) => unknown;

/**
 * Calls `listener` just before code in this thread opens a socket or starts a process. An error
 * that it throws reaches that code.
 */
export function onInputOutput(listener: (what: string) => void): void {
  // Everything that opens a socket or a process ends up in one of these, including http2 and
  // grpc-js.
  const doors: readonly [owner: object, method: string, what: string][] = [
    [net.Socket.prototype, "connect", "connects a socket"],
    [net.Server.prototype, "listen", "listens on a socket"],
    [dgram.Socket.prototype, "bind", "binds a UDP socket"],
    [childProcess.ChildProcess.prototype, "spawn", "starts a process"],
    [childProcess, "spawnSync", "starts a process"],
    [childProcess, "execSync", "starts a process"],
    [childProcess, "execFileSync", "starts a process"],
  ];
  for (const [owner, method, what] of doors) {
    const methods = owner as Record<string, Method>;
    const original = methods[method] as Method;
    methods[method] = function (this: unknown, ...args: unknown[]): unknown {
      listener(what);
      return original.apply(this, args);
    };
  }
  syncBuiltinESMExports();
}
