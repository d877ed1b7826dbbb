/** Whoever wants to know of shutdown signals: first a drain, then a stop. */
interface Listener {
  signalled: boolean;
  drain(): void;
  force(): void;
}

// One listener of the process for all: many workers in one program are no leak.
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
 * Until the returned function is called, the first SIGTERM or SIGINT calls
 * `drain`, and every further one calls `force`.
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
