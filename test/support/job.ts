import type { HubEventInit, Job } from "../../src/wire/messages/work.js";

/** A job event with defaults for the fields a test does not care about. */
export function job(fields: Partial<Job>): HubEventInit {
  const value = {
    jobId: 1,
    method: "",
    payload: new Uint8Array(),
    attempt: 1,
    metadata: [],
    requestId: "",
    ...fields,
  };
  return { case: "job", value };
}
