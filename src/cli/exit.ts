import { describeError, GibbsError, messageOf } from "../base/error.js";

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
    4  the request ended with an error; --json tells its code and reason
  130  interrupted by a second signal; the conformance kit, by the first`;

/** Tells on stderr what went wrong, as text or as JSON, and returns the exit code for it. */
export function reportError(error: unknown, asJson: boolean): number {
  if (!(error instanceof GibbsError)) {
    console.error(
      asJson
        ? JSON.stringify({ error: { message: messageOf(error) } })
        : `gibbs: ${messageOf(error)}`,
    );
    return ExitCode.FAILED;
  }
  if (asJson) {
    console.error(JSON.stringify({ error: describeError(error) }));
  } else {
    const reason = error.reason === "" ? error.code : `${error.code}, ${error.reason}`;
    console.error(`gibbs: ${error.message} (${reason})`);
    if (error.remoteStack !== undefined) console.error(error.remoteStack);
  }
  return ExitCode.FAILED;
}
