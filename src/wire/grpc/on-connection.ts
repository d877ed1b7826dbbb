import type { Socket } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";

/** Internal to grpc-js, whose version is pinned; a test fails when this changes. */
interface Connector {
  connect(socket: Socket): Promise<{ socket: Socket; secure: boolean }>;
}

/** Calls `listener` with the socket of each connection that channels with `credentials` open. */
export function onConnection(
  credentials: ChannelCredentials,
  listener: (socket: Socket) => void,
): ChannelCredentials {
  const internals = credentials as unknown as {
    _createSecureConnector(...args: unknown[]): Connector;
  };
  const create = internals._createSecureConnector.bind(credentials);
  internals._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = async (dialed) => {
      const connection = await connect(dialed);
      listener(connection.socket);
      return connection;
    };
    return connector;
  };
  return credentials;
}
