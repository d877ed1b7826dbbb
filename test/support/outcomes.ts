// Outcomes of failed requests, by the table in docs/reliability.md.

/** The worker was lost with the request, which nobody said may run twice. */
export const WORKER_LOST = {
  code: "ABORTED",
  reason: "WORKER_LOST",
  execution: "UNKNOWN",
  attempts: 1,
};

/** The connection broke before the hub's word arrived: the caller knows nothing. */
export const CONNECTION_LOST = {
  code: "UNAVAILABLE",
  reason: "CONNECTION_LOST",
  execution: "UNKNOWN",
};
