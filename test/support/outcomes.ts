// Outcomes of failed requests, as in the table of docs/reliability.md.

/** The worker was lost with the request, which was not marked idempotent. */
export const WORKER_LOST = {
  code: "ABORTED",
  reason: "WORKER_LOST",
  execution: "UNKNOWN",
  attempts: 1,
};

/** The connection broke before the hub's status arrived: the caller knows nothing. */
export const CONNECTION_LOST = {
  code: "UNAVAILABLE",
  reason: "CONNECTION_LOST",
  execution: "UNKNOWN",
};
