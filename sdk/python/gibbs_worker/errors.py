"""The errors of this package, and the names of gRPC's status codes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal, get_args

from google.protobuf.any_pb2 import Any as AnyMessage

Code = Literal[
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]
"""The names of the gRPC status codes, without OK."""

Execution = Literal["NOT_STARTED", "UNKNOWN", "FINISHED"]
"""Whether the work ran: certainly not; possibly, even in part; its handler returned or raised."""

CODES: tuple[Code, ...] = get_args(Code)
"""The codes in numerical order, starting at 1."""


class GibbsError(Exception):
    """The reason why a request has no answer, or a worker cannot serve. Branch on `code` and
    `reason`.

    A handler that raises one determines its caller's status: the caller gets the same code,
    message, details and `retry_after`, with the reason DECLARED.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        reason: str = "",
        execution: Execution = "UNKNOWN",
        attempts: int = 0,
        request_id: str | None = None,
        worker_id: str | None = None,
        queue_time: float | None = None,
        run_time: float | None = None,
        remote_type: str | None = None,
        remote_traceback: str | None = None,
        retry_after: float | None = None,
        details: Sequence[AnyMessage] = (),
    ) -> None:
        """Raises ValueError unless `code` is the name of a gRPC status code."""
        if code not in CODES:
            raise ValueError(f"{code!r} is not a gRPC status code: use one of {', '.join(CODES)}")
        super().__init__(message)
        self.code: Code = code
        self.message = message
        #: The cause for programs to check, such as HANDLER_ERROR; empty if none was given.
        self.reason = reason
        #: Whether the work ran.
        self.execution: Execution = execution
        #: The number of times the request was started.
        self.attempts = attempts
        #: The id of the request, the same for all its attempts.
        self.request_id = request_id
        #: The label of the last worker that had the request, as chosen by that worker.
        self.worker_id = worker_id
        #: How long the request waited for that worker, in seconds.
        self.queue_time = queue_time
        #: How long that worker had it, in seconds.
        self.run_time = run_time
        #: The class of the exception that the handler raised.
        self.remote_type = remote_type
        #: Its traceback, if the worker sends tracebacks.
        self.remote_traceback = remote_traceback
        #: How long to wait before trying again, in seconds; None if there was no hint.
        self.retry_after = retry_after
        #: Other details of the handler's error, as `google.protobuf.Any`; at most 4 KiB are sent.
        self.details = tuple(details)

    def __str__(self) -> str:
        return f"{self.message} ({self.code}{self.reason and ', '}{self.reason})"

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is unpickled from its message alone.
        return _restore, (type(self), self.code, self.message), self.__dict__


class GibbsTimeoutError(GibbsError, asyncio.TimeoutError):
    """DEADLINE_EXCEEDED. `reason` says which limit was hit, `execution` whether the work ran."""


class UserCodeException(GibbsError):
    """UNKNOWN, HANDLER_ERROR: the handler raised. Has the original's message and `remote_type`."""


def _restore(kind: type[GibbsError], code: Code, message: str) -> GibbsError:
    return kind(code, message)


def make_error(code: Code, message: str, **known: Any) -> GibbsError:
    """Returns an error of the class that fits the code and reason."""
    if code == "DEADLINE_EXCEEDED":
        return GibbsTimeoutError(code, message, **known)
    if known.get("reason") == "HANDLER_ERROR":
        return UserCodeException(code, message, **known)
    return GibbsError(code, message, **known)
