"""The events that end a job. The sender sets their job id."""

from __future__ import annotations

import traceback

from . import payload
from ._gen.payload_pb2 import Payload
from ._gen.worker_pb2 import (
    EXECUTION_NOT_STARTED,
    EXECUTION_UNKNOWN,
    Failure,
    Nack,
    Result,
    WorkerEvent,
)
from .errors import Code, GibbsError
from .status import MAX_MESSAGE_BYTES, MAX_STACK_BYTES, clip, number_of, pack_details

TIME_OVER = "its time has run out"
"""The reason for cancelling a job whose timeout has passed."""

UNSHOWABLE = "the exception cannot be shown: its __str__ raised"


def answer(data: object, max_bytes: int) -> WorkerEvent:
    """The handler returned `data`. Raises TypeError if it cannot be sent."""
    message = Payload()
    payload.fill(message, data)
    event = WorkerEvent()
    event.result.payload = message.SerializeToString()
    return fitted(event, max_bytes)


def fitted(event: WorkerEvent, max_bytes: int) -> WorkerEvent:
    """Returns the event, or a failure if its payload is larger than may be sent."""
    size = len(event.result.payload)
    if size <= max_bytes:
        return event
    message = f"the answer has {size} bytes, more than {max_bytes}"
    return WorkerEvent(result=Result(failure=Failure(message=message, reason="RESULT_TOO_LARGE")))


def malformed(error: Exception) -> WorkerEvent:
    """The input could not be decoded; the handler did not run."""
    message = clip(str(error), MAX_MESSAGE_BYTES)
    return WorkerEvent(result=Result(failure=Failure(message=message, reason="MALFORMED")))


def failure(error: BaseException, send_traceback: bool) -> WorkerEvent:
    """The handler raised `error`. Never raises, whatever the exception's own methods do."""
    try:
        told = _failure(error, send_traceback)
    except BaseException:
        told = Failure(type=_type_of(error), message=UNSHOWABLE)
    return WorkerEvent(result=Result(failure=told))


def _failure(error: BaseException, send_traceback: bool) -> Failure:
    told = Failure(type=_type_of(error), message=clip(_text_of(error), MAX_MESSAGE_BYTES))
    if send_traceback:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        # The innermost calls are the most informative.
        told.stack = clip("".join(lines), MAX_STACK_BYTES, keep_end=True)
    if isinstance(error, GibbsError):
        told.code = number_of(error.code)
        told.details.extend(pack_details(error))
    return told


def _type_of(error: BaseException) -> str:
    return clip(type(error).__name__, MAX_MESSAGE_BYTES)


def _text_of(error: BaseException) -> str:
    try:
        return error.message if isinstance(error, GibbsError) else str(error)
    except BaseException:
        return UNSHOWABLE


def given_up(reason: str) -> WorkerEvent:
    """The handler ended because it was cancelled."""
    code: Code = "DEADLINE_EXCEEDED" if reason == TIME_OVER else "CANCELLED"
    told = Failure(code=number_of(code), type="CancelledError", message=reason)
    return WorkerEvent(result=Result(failure=told))


def not_started(reason: str) -> WorkerEvent:
    """The job did not run."""
    return WorkerEvent(nack=Nack(execution=EXECUTION_NOT_STARTED, reason=reason))


def lost(reason: str) -> WorkerEvent:
    """The job may have run, partly or completely."""
    return WorkerEvent(nack=Nack(execution=EXECUTION_UNKNOWN, reason=reason))


def with_id(event: WorkerEvent, job_id: int) -> WorkerEvent:
    """Sets the job id of an event; returns the event."""
    ended = event.nack if event.HasField("nack") else event.result
    ended.job_id = job_id
    return event
