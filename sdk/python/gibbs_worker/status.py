"""Converts errors from gRPC statuses, and into what workers report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, Callable, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import DebugInfo, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from ._gen.hub_pb2 import CallInfo, CallStatus
from .errors import CODES, Code, GibbsError, make_error

DOMAIN = "gibbs"
DETAILS_KEY = "grpc-status-details-bin"
MAX_MESSAGE_BYTES = 1024
MAX_STACK_BYTES = 2048
MAX_DETAILS_BYTES = 4096

_M = TypeVar("_M", bound=Message)


def number_of(code: Code) -> int:
    return CODES.index(code) + 1


def code_of(number: int) -> Code:
    """Returns UNKNOWN for a number that is not an error code."""
    return CODES[number - 1] if 1 <= number <= len(CODES) else "UNKNOWN"


def from_rpc_error(error: grpc.aio.AioRpcError) -> GibbsError:
    """Returns the error of a failed call, as reported by the hub or the gRPC library."""
    trailers: Any = error.trailing_metadata() or ()
    encoded = next((value for key, value in trailers if key == DETAILS_KEY), b"")
    if isinstance(encoded, str):
        encoded = b""
    return from_status(error.code().value[0], error.details() or "", encoded)


def from_status(code: int, message: str, encoded: bytes) -> GibbsError:
    """Returns the error of a failed call. `encoded` is a `google.rpc.Status`, or empty."""
    known: dict[str, Any] = {}
    # Details that cannot be decoded are ignored; the code and message remain.
    with contextlib.suppress(DecodeError, TypeError):
        status = Status.FromString(encoded)
        # gRPC's own copy may still be percent-encoded.
        message = status.message or message
        known = _read_details(status.details)
    return make_error(code_of(code), message, **known)


def from_call_status(status: CallStatus) -> GibbsError:
    """Returns the error of a call that the hub ended on a `Multiplex` stream."""
    return make_error(code_of(status.code), status.message, **_read_details(status.details))


def _read_details(given: Iterable[AnyMessage]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    details: list[AnyMessage] = []
    for detail in given:
        info = _unpack(detail, ErrorInfo)
        # The hub's own ErrorInfo comes first; a later one in this domain is not from the hub.
        if info is not None and info.domain == DOMAIN:
            if "reason" not in known:
                known.update(_read_error_info(info))
        elif (call := _unpack(detail, CallInfo)) is not None:
            known.update(
                worker_id=call.worker_id or None,
                queue_time=seconds(call.queue_time),
                run_time=seconds(call.run_time),
            )
        elif (debug := _unpack(detail, DebugInfo)) is not None:
            known["remote_traceback"] = "\n".join(debug.stack_entries)
        elif (retry := _unpack(detail, RetryInfo)) is not None:
            known["retry_after"] = max(0.0, seconds(retry.retry_delay))
        else:
            details.append(detail)
    return {**known, "details": details}


def _read_error_info(info: ErrorInfo) -> dict[str, Any]:
    execution = info.metadata.get("execution", "")
    attempts = info.metadata.get("attempts", "")
    return {
        "reason": info.reason,
        "execution": execution if execution in ("NOT_STARTED", "FINISHED") else "UNKNOWN",
        "attempts": int(attempts) if attempts.isdecimal() else 0,
        "request_id": info.metadata.get("request_id"),
        "remote_type": info.metadata.get("error_type"),
    }


def _unpack(detail: AnyMessage, kind: Callable[[], _M]) -> _M | None:
    message = kind()
    try:
        return message if detail.Unpack(message) else None
    except DecodeError:
        return None


def pack_details(error: GibbsError) -> list[AnyMessage]:
    """Returns the details of a handler's error that are sent in addition to its code and message,
    as far as they fit."""
    details = list(error.details)
    if error.retry_after is not None and 0 <= error.retry_after < 1e9:
        hint = AnyMessage()
        hint.Pack(RetryInfo(retry_delay=duration(error.retry_after)))
        details.insert(0, hint)
    left = MAX_DETAILS_BYTES
    fitting = []
    for detail in details:
        size = len(detail.type_url) + len(detail.value)
        if size <= left:
            left -= size
            fitting.append(detail)
    return fitting


def clip(text: str, max_bytes: int, keep_end: bool = False) -> str:
    """Returns `text` as valid UTF-8 of at most `max_bytes`, cut at the end, or with `keep_end` at
    the start."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    room = max_bytes - len("…".encode())
    if keep_end:
        return "…" + encoded[-room:].decode("utf-8", "ignore")
    return encoded[:room].decode("utf-8", "ignore") + "…"


def well_formed(text: str) -> str:
    """Returns `text` with "?" for what UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode()


def duration(span: float) -> Duration:
    """Converts a number of seconds, with microsecond precision."""
    message = Duration()
    message.FromMicroseconds(round(span * 1e6))
    return message


def seconds(span: Duration) -> float:
    return span.seconds + span.nanos / 1e9
