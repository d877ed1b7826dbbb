/** Where the library logs, in the shape of a pino logger. Without one the library is silent. */
export interface Logger {
  /** Details for following one request. */
  debug(fields: object, message: string): void;
  /** Normal operation: a worker connected, a drain began. */
  info(fields: object, message: string): void;
  /** Events an operator may want to look at: a worker was dropped, a process replaced. */
  warn(fields: object, message: string): void;
  /** Events that should not happen. */
  error(fields: object, message: string): void;
}

const nothing = (): void => {};

/** Discards everything. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
