import { describeError, GibbsError, messageOf } from "../base/errors/error.js";

/** Exit codes of the commands, for scripts. */
export const ExitCode = {
  OK: 0,
  FAILED: 1,
  USAGE: 2,
  UNREACHABLE: 3,
  REQUEST_FAILED: 4,
  INTERRUPTED: 130,
} as const;

/** The table at the end of every help text. */
export const exitCodeHelp = `Exit codes:
    0  done
    1  failed: port in use, module not found, no worker process started, a conformance
       scenario failed, ...
    2  usage error
    3  no hub answered at the address
    4  a request failed; --json shows its code and reason
  130  interrupted before it finished`;

/** Returns the exit code for a failed request. */
export function exitCodeOf(error: unknown): number {
  const unreachable = error instanceof GibbsError && error.reason === "NOT_CONNECTED";
  return unreachable ? ExitCode.UNREACHABLE : ExitCode.REQUEST_FAILED;
}

/**
 * Reports an error on stderr, as text or as JSON, and returns its exit code.
 *
 * @param at the line of the file that caused it, if any.
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
