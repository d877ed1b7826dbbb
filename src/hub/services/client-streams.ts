/** A client's stream as its hub sees it. */
export interface ClientStream {
  /** Asks the client to make new calls on another stream. */
  drain(): void;
  /** Ends the stream; its calls must be settled by then. */
  close(): void;
}

/** The open Multiplex streams. */
export class ClientStreams {
  readonly #open = new Set<ClientStream>();
  readonly #whenGone: (() => void)[] = [];

  add(stream: ClientStream): void {
    this.#open.add(stream);
  }

  delete(stream: ClientStream): void {
    this.#open.delete(stream);
    if (this.#open.size === 0) for (const resolve of this.#whenGone.splice(0)) resolve();
  }

  drain(): void {
    for (const stream of this.#open) stream.drain();
  }

  close(): void {
    for (const stream of this.#open) stream.close();
  }

  /**
   * Resolves when none is open, at which point everything that clients sent before they left has
   * been read.
   */
  gone(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenGone.push(resolve));
  }
}
