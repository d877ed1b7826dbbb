import type { Socket } from "node:net";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

/** Internal to grpc-js, whose version is pinned; a test fails when this changes. */
interface Connector {
  connect(socket: Socket): Promise<{ socket: Socket; secure: boolean }>;
}

/**
 * Credentials whose channels call `onSocket` with each socket that they have connected, and use it
 * once the returned promise resolves.
 */
export function insecureOn(onSocket: (socket: Socket) => Promise<void>): ChannelCredentials {
  const insecure = credentials.createInsecure();
  const internals = insecure as unknown as {
    _createSecureConnector(...args: unknown[]): Connector;
  };
  const create = internals._createSecureConnector.bind(insecure);
  internals._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = async (socket) => {
      await onSocket(socket);
      return connect(socket);
    };
    return connector;
  };
  return insecure;
}
