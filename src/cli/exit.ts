import { describeError, GibbsError, messageOf } from "../base/errors/error.js";

/** How a command ended, for scripts. */
export const ExitCode = {
  OK: 0,
  FAILED: 1,
  USAGE: 2,
  UNREACHABLE: 3,
  REQUEST_FAILED: 4,
  INTERRUPTED: 130,
} as const;

/** The table at the end of every help. */
export const exitCodeHelp = `Exit codes:
    0  done
    1  failed: the port is in use, the module is not found, no worker process came up,
       a scenario of the conformance kit failed, ...
    2  wrong usage
    3  no hub answers at the address
    4  a request ended with an error; --json tells its code and reason
  130  interrupted before it was done`;

/** The exit code of a request's failure. */
export function exitCodeOf(error: unknown): number {
  const unreachable = error instanceof GibbsError && error.reason === "NOT_CONNECTED";
  return unreachable ? ExitCode.UNREACHABLE : ExitCode.REQUEST_FAILED;
}

/**
 * Tells on stderr what went wrong, as text or as JSON, and returns the exit code for it.
 *
 * @param at the line of a file that it is about, if it is about one.
 */
export function reportError(
  error: unknown,
  asJson: boolean,
  at?: { file: string; line: number },
): number {
  if (!(error instanceof GibbsError)) {
    console.error(
      asJson
        ? JSON.stringify({ error: { message: messageOf(error) } })
        : `gibbs: ${messageOf(error)}`,
    );
    return ExitCode.FAILED;
  }
  if (asJson) {
    console.error(JSON.stringify({ error: describeError(error), ...at }));
  } else {
    const reason = error.reason === "" ? error.code : `${error.code}, ${error.reason}`;
    const place = at === undefined ? "" : `${at.file}:${at.line}: `;
    console.error(`gibbs: ${place}${error.message} (${reason})`);
    if (error.remoteStack !== undefined) console.error(error.remoteStack);
  }
  return ExitCode.FAILED;
}
