/** A listener for shutdown signals: the first drains, later ones force a stop. */
interface Listener {
  signalled: boolean;
  drain(): void;
  force(): void;
}

// One process listener serves all workers, so that Node does not warn of a leak.
const listeners = new Set<Listener>();

function onSignal(): void {
  for (const listener of [...listeners]) {
    const { signalled } = listener;
    listener.signalled = true;
    if (signalled) listener.force();
    else listener.drain();
  }
}

/**
 * Calls `drain` on the first SIGTERM or SIGINT and `force` on every later one, until the returned
 * function is called.
 */
export function onShutdownSignals(drain: () => void, force: () => void): () => void {
  const listener: Listener = { signalled: false, drain, force };
  if (listeners.size === 0) {
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  };
}
