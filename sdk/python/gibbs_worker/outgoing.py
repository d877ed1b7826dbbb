"""What a request says: its input and its options, checked and encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from . import payload
from ._gen.hub_pb2 import CallResponse, RequestOptions, RequestResponse
from ._gen.payload_pb2 import Payload
from .answer import Answer
from .failures import answer_too_large, malformed_answer, too_large
from .options import (
    ENVELOPE_BYTES,
    MAX_TIMEOUT,
    check_metadata,
    check_span,
    check_text,
    check_whole,
)
from .pending_call import Metadata, PendingCall, Response
from .status import duration, seconds


class Limits:
    """A client's options, checked. Times are in seconds, sizes in bytes."""

    def __init__(self, timeout: float, connect_timeout: float, max_payload_bytes: int) -> None:
        check_span("timeout", timeout)
        check_span("connect_timeout", connect_timeout)
        check_whole("max_payload_bytes", max_payload_bytes, 1, 2**31 - 1 - ENVELOPE_BYTES)
        self.timeout = min(timeout, MAX_TIMEOUT)
        self.connect_timeout = connect_timeout
        self.max_payload_bytes = max_payload_bytes

    def prepare(self, args: Sequence[object], given: Mapping[str, Any]) -> PendingCall:
        """Returns the request with these arguments, options among them. Raises TypeError,
        ValueError, and GibbsError PAYLOAD_TOO_LARGE."""
        message = Payload()
        if given:
            options, kwargs = _divide(given)
            payload.fill_call(message, args, kwargs)
            call = self._with_options(message.SerializeToString(), **options)
        else:
            payload.fill_call(message, args, given)
            call = PendingCall(message.SerializeToString(), "", None, (), self.timeout)
        size = len(call.payload)
        if size > self.max_payload_bytes:
            raise too_large(size, self.max_payload_bytes, call.request_id)
        return call

    def _with_options(
        self,
        encoded: bytes,
        *,
        gibbs_method: str = "",
        gibbs_timeout: float | None = None,
        gibbs_queue_timeout: float | None = None,
        gibbs_run_timeout: float | None = None,
        gibbs_idempotent: bool | None = None,
        gibbs_max_attempts: int | None = None,
        gibbs_request_id: str = "",
        gibbs_metadata: Mapping[str, str | bytes] | None = None,
    ) -> PendingCall:
        timeout = self.timeout
        if gibbs_timeout is not None:
            check_span("gibbs_timeout", gibbs_timeout)
            timeout = min(gibbs_timeout, MAX_TIMEOUT)
        # What cannot be encoded would break the message that it shares with other requests.
        check_text("gibbs_method", gibbs_method)
        check_text("gibbs_request_id", gibbs_request_id)
        options = RequestOptions(request_id=gibbs_request_id)
        if gibbs_idempotent is not None:
            options.idempotent = gibbs_idempotent
        if gibbs_max_attempts is not None:
            check_whole("gibbs_max_attempts", gibbs_max_attempts, 1, 10)
            options.max_attempts = gibbs_max_attempts
        if gibbs_queue_timeout is not None:
            check_span("gibbs_queue_timeout", gibbs_queue_timeout)
            options.queue_timeout.CopyFrom(duration(gibbs_queue_timeout))
        if gibbs_run_timeout is not None:
            check_span("gibbs_run_timeout", gibbs_run_timeout)
            options.run_timeout.CopyFrom(duration(gibbs_run_timeout))
        metadata: Metadata = tuple(check_metadata(gibbs_metadata)) if gibbs_metadata else ()
        has_options = options.ByteSize() > 0
        return PendingCall(
            encoded, gibbs_method, options if has_options else None, metadata, timeout
        )

    def output_of(self, response: Response) -> Any:
        """Returns what the handler returned. Raises GibbsError if it is too large or malformed."""
        try:
            if not isinstance(response, CallResponse):
                size = response.ByteSize()
                # With the details of the answer, which do not count.
                if size > self.max_payload_bytes:
                    size -= RequestResponse(info=response.info).ByteSize()
                    if size > self.max_payload_bytes:
                        raise answer_too_large(size, self.max_payload_bytes)
                return payload.read(response)
            if len(response.payload) > self.max_payload_bytes:
                raise answer_too_large(len(response.payload), self.max_payload_bytes)
            return payload.read(Payload.FromString(response.payload))
        except (DecodeError, RecursionError) as error:
            raise malformed_answer(error) from error

    def answer_of(self, response: Response) -> Answer:
        """Returns that, and how it was produced."""
        output = self.output_of(response)
        if isinstance(response, CallResponse):
            times = response.queue_time_ms / 1000, response.run_time_ms / 1000
            info: Any = response
        else:
            info = response.info
            times = seconds(info.queue_time), seconds(info.run_time)
        return Answer(output, info.request_id, info.worker_id, info.attempts, *times)


OPTIONS = frozenset(
    {
        "gibbs_idempotent",
        "gibbs_max_attempts",
        "gibbs_metadata",
        "gibbs_method",
        "gibbs_queue_timeout",
        "gibbs_request_id",
        "gibbs_run_timeout",
        "gibbs_timeout",
    }
)


def _divide(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the options and the arguments of the handler."""
    options: dict[str, Any] = {}
    kwargs: dict[str, Any] = {}
    for name, value in given.items():
        if not name.startswith("gibbs_"):
            kwargs[name] = value
        elif name in OPTIONS:
            options[name] = value
        else:
            known = ", ".join(sorted(OPTIONS))
            raise TypeError(f"{name} is not an option of a request: there are {known}")
    return options, kwargs
