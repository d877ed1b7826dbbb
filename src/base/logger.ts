/**
 * Where the library tells what it does: the shape of a pino logger. The library
 * is silent unless it is given one.
 */
export interface Logger {
  /** What helps to follow one request. */
  debug(fields: object, message: string): void;
  /** What happens in normal operation: a worker connected, a drain began. */
  info(fields: object, message: string): void;
  /** What an operator may want to look at: a worker was dropped, a process replaced. */
  warn(fields: object, message: string): void;
  /** What should not happen. */
  error(fields: object, message: string): void;
}

const nothing = (): void => {};

/** Says nothing. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
