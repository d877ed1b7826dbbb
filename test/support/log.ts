import type { Logger } from "../../src/base/logger.js";

/** A logger that records what a hub or worker has logged, so that a test can wait for it. */
export class Log implements Logger {
  readonly #messages: string[] = [];
  readonly #waiting = new Set<() => void>();

  debug(_fields: object, message: string): void {
    this.#add(message);
  }

  info(_fields: object, message: string): void {
    this.#add(message);
  }

  warn(_fields: object, message: string): void {
    this.#add(message);
  }

  error(_fields: object, message: string): void {
    this.#add(message);
  }

  /** How many messages match so far. */
  count(pattern: RegExp): number {
    return this.#messages.filter((message) => pattern.test(message)).length;
  }

  /** Resolves once `times` messages match, including earlier ones. */
  heard(pattern: RegExp, times = 1): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.count(pattern) < times) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #add(message: string): void {
    this.#messages.push(message);
    for (const look of [...this.#waiting]) look();
  }
}
