import { type Channel, connectivityState } from "@grpc/grpc-js";

/**
 * Calls `onLeft` each time `channel` has left READY without having been closed: its server has sent
 * GOAWAY, or the connection is lost. After a GOAWAY calls on that connection continue, and later ones
 * go to another.
 */
export function onLeavingReady(
  channel: Pick<Channel, "getConnectivityState" | "watchConnectivityState">,
  onLeft: () => void,
): void {
  const state = channel.getConnectivityState(false);
  if (state === connectivityState.SHUTDOWN) return;
  channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
    const isClosed = channel.getConnectivityState(false) === connectivityState.SHUTDOWN;
    if (state === connectivityState.READY && !isClosed) onLeft();
    onLeavingReady(channel, onLeft);
  });
}
