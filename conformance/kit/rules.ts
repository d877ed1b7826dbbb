/**
 * The paragraphs of docs/protocol.md that scenarios check, quoted verbatim; a test checks that they
 * match.
 */
export const rules = {
  "1.5": "A receiver MUST ignore fields and events that it does not know.",
  "2.1":
    "An input or an answer is a `Payload`: `value` (JSON-like) or `data` (bytes), and a `content_type`. If neither is set, the receiver MUST read it as the JSON value null.",
  "2.4":
    "A worker MUST decode each payload separately from the message that carried it. An input that it cannot decode ends only its own job (7.5) and MUST NOT end the stream.",
  "3.4": "`method` names the method to run; empty means the default method.",
  "5.1":
    "A message holds any number of events, in the order in which they happened. The receiver MUST apply them in that order; a sender MAY always send one event per message.",
  "5.2":
    "The worker's first event MUST be `hello`, once, within a time limit (5 s) after the stream opens. `ready` MAY follow at once, without waiting for `welcome`.",
  "5.3":
    "The hub's first event is `welcome`. It carries the timeouts and limits of the session, so a worker needs no settings of its own for them.",
  "5.4":
    "No `methods` in `hello` means only the default method. A worker MUST name each method once; it is sent jobs for these methods only.",
  "5.5":
    "`worker_id`, `name`, `version`, `sdk`, each method and each key and value of `labels` MUST NOT have more than 256 characters; at most 256 methods, 64 labels, 64 bytes of `instance_id`.",
  "5.6":
    "These are violations: a message that does not decode; `ready`, `drain` or a terminal event before `hello`; a second `hello`; `ready` with zero slots; a `hello` beyond the limits of 5.5; a half-close (5.8).",
  "5.7":
    "A terminal event for a job that is not in flight on this stream is dropped. A `cancel` of an unknown job MUST be ignored.",
  "5.8":
    "The hub ends the stream. The worker MUST NOT half-close before it has read that end: all its jobs are lost, and the stream ends as a violation.",
  "6.1":
    "For each session the hub counts credit (given and not used) and jobs in flight (written, no terminal event yet). A `job` takes one credit; the hub MUST NOT write a job without credit.",
  "6.2":
    "`ready` adds `slots` to the credit, and nothing else does. Neither `hello` nor a terminal event makes a worker ready.",
  "6.3":
    "Credit and jobs in flight together are at most `welcome.max_slots` (1,024; 1 for WHEN_IDLE). Credit from a `ready` beyond that is dropped, and does not come back by itself.",
  "7.1":
    "Each job gets exactly one terminal event, `result` or `nack`, even after a `cancel` or once its outcome is no longer wanted. Until then it is in flight.",
  "7.2": "The terminal event MUST come before the `ready` that returns its slot.",
  "7.3":
    "`result` is an outcome: a `payload` or a `failure`. A `result` with neither means the answer null.",
  "7.4":
    "A `failure` SHOULD carry `type` and `message`. `code` is the status that the handler declared; 0 means that it declared none.",
  "7.5":
    "`reason` is set by the worker's library only: MALFORMED (the input cannot be decoded, the handler did not run) or RESULT_TOO_LARGE.",
  "7.6":
    "`nack` NOT_STARTED proves that the job did not run; a worker MUST NOT send it otherwise. Any other execution is read as UNKNOWN; neither ends the stream.",
  "8.1":
    "`job.timeout_ms` is the time left until the deadline or the end of `run_timeout`, whichever is sooner, rounded up. When it has passed, the worker SHOULD act as after a `cancel`.",
  "8.2":
    "After a `cancel` the worker SHOULD end the job soon. Any terminal event will do; the hub does not use its outcome.",
  "9.1":
    "`drain`, from either side, sets the credit to zero; a later `ready` is ignored. Jobs in flight continue and still need their terminal events.",
  "9.2":
    "A `job` that crosses the worker's `drain` SHOULD be answered with `nack` NOT_STARTED. It MAY be run.",
  "9.3":
    "When nothing is in flight the hub ends the stream with OK. A worker MAY leave earlier; its jobs are then lost.",
  "9.4":
    "A worker MUST accept `drain.next`: `reconnect_after_ms` asks it to dial again no sooner than that, `exit` asks it to stop.",
  "9.6":
    "A worker's process SHOULD send `drain` when it is told to stop (SIGTERM), and exit once the hub has ended the stream.",
  "10.2":
    "`instance_id` SHOULD be 16 random bytes, made once for each worker and kept when it dials again after a lost stream. For a hand-over (11.5) it MUST be a new one: the old one would supersede the stream that still finishes its jobs. It is a secret of the worker and MUST NOT be shared by two workers.",
  "11.1":
    "When the stream is lost, its jobs are lost. The worker SHOULD stop their handlers and MUST NOT report their outcomes on another stream.",
  "11.2":
    "On the new stream a worker MUST give credit only for slots that are free, not for those whose handlers are still running.",
  "11.3":
    "A worker SHOULD dial again with a new channel, after a random pause that grows from 100 ms to at most 1 s, and to at most 5 s once the hub has been away for 30 s.",
  "11.4":
    "It MUST NOT dial again by itself after UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT, FAILED_PRECONDITION, UNIMPLEMENTED, or the reason SUPERSEDED.",
  "11.5":
    "*Hand-over.* When the server of its connection announces its end (HTTP/2 GOAWAY; proxies do so that limit the age of a connection) and the stream itself goes on, a worker SHOULD at once open a new stream on a new connection, with the same `worker_id` and methods and a new `instance_id` (10.2). Until the hub has welcomed it there, the worker keeps serving on the old stream. Then it sends `drain` on the old one, gives credit on the new one for the slots that are free, and for the others when their jobs have ended.",
  "11.6": "The terminal events of the old stream's jobs go to the old stream.",
  "12.1":
    "A worker MUST check the size of its answer before sending it, and report RESULT_TOO_LARGE instead of a larger one; so does the hub if it gets one.",
  "12.4":
    "The hub sends a worker no job whose payload and metadata together exceed `hello.max_receive_bytes` (4 MiB if absent) less 16 KiB for the other fields.",
  "12.5": "`max_receive_bytes` MUST NOT exceed what the worker's gRPC library accepts.",
  "13.2":
    "The worker MUST answer each `heartbeat` with one of its own, except as 13.4 says. It MAY send others unasked; the hub does not answer them.",
  "13.4":
    "A worker with `heartbeat_mode` ALWAYS answers while it computes. One with WHEN_IDLE, or no mode, has one slot, and 13.3 does not apply while it has a job.",
  "13.6":
    "A worker SHOULD leave a hub that it has not heard from for `hub_timeout_ms` (30 s) and dial again. It SHOULD NOT count time during which it did not read.",
  "14.2":
    "`value` is text, or bytes if the key ends in `-bin`. A key that was sent more than once has one entry for each value.",
} as const;

/** The number of a paragraph. */
export type RuleId = keyof typeof rules;
