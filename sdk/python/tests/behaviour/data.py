"""The data and the errors of the behaviour suite, as test/behaviour/case.ts describes them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from gibbs_worker import Answer, GibbsError

CASES = Path(__file__).resolve().parents[4] / "test/behaviour/cases"
MAX_WRITTEN = 100
"""Longer data is written as its size."""

OPTIONS = {
    "method": "gibbs_method",
    "idempotent": "gibbs_idempotent",
    "maxAttempts": "gibbs_max_attempts",
    "requestId": "gibbs_request_id",
}
TIMES = {
    "timeoutMs": "gibbs_timeout",
    "queueTimeoutMs": "gibbs_queue_timeout",
    "runTimeoutMs": "gibbs_run_timeout",
}


def read_cases() -> dict[str, dict[str, Any]]:
    """Returns all cases by name."""
    files = [json.loads(file.read_text(encoding="utf-8")) for file in CASES.glob("*.json")]
    return {case["name"]: case for cases in files for case in cases}


def to_value(data: dict[str, Any]) -> Any:
    """Returns the value that a case writes as `data`."""
    if "json" in data:
        return data["json"]
    if "hex" in data:
        return bytes.fromhex(data["hex"])
    if "bytesOf" in data:
        return bytes(data["bytesOf"])
    if "textOf" in data:
        return "x" * data["textOf"]
    deep: Any = None
    for _ in range(1001):
        deep = [deep]
    return {
        "nan": {"a": [float("nan")]},
        "infinity": float("-inf"),
        "big integer": 2**53 + 1,
        "nested bytes": [b"\0"],
        "too deep": deep,
    }[data["unsendable"]]


def to_values(inputs: Any) -> list[Any]:
    """Returns each of several values."""
    if isinstance(inputs, dict):
        return list(range(inputs["below"]))
    return [to_value(data) for data in inputs]


def to_data(value: Any) -> dict[str, Any]:
    """Reverses `to_value`, for an answer."""
    if isinstance(value, bytes):
        is_zero = len(value) > MAX_WRITTEN and value == bytes(len(value))
        return {"bytesOf": len(value)} if is_zero else {"hex": value.hex()}
    is_long = isinstance(value, str) and len(value) > MAX_WRITTEN and not value.strip("x")
    return {"textOf": len(value)} if is_long else {"json": value}


def client_options(case: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a case's client."""
    given = case.get("client", {})
    times = {"connectTimeoutMs": "connect_timeout", "timeoutMs": "timeout"}
    options = {name: given[key] / 1000 for key, name in times.items() if key in given}
    if "maxPayloadBytes" in given:
        options["max_payload_bytes"] = given["maxPayloadBytes"]
    return options


def request_options(step: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a request."""
    options = {name: step[key] for key, name in OPTIONS.items() if key in step}
    options.update({name: step[key] / 1000 for key, name in TIMES.items() if key in step})
    if "metadata" in step:
        options["gibbs_metadata"] = {
            key: value if isinstance(value, str) else to_value(value)
            for key, value in step["metadata"].items()
        }
    return options


def map_options(step: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a map."""
    own = {name: step[name] for name in ("concurrency", "ordered") if name in step}
    return {**own, **request_options(step)}


def report_answer(answer: Answer) -> dict[str, Any]:
    return {
        "answer": to_data(answer.output),
        "requestId": answer.request_id,
        "workerId": answer.worker_id,
        "attempts": answer.attempts,
        "hasTimes": answer.queue_time >= 0 and answer.run_time >= 0,
    }


def report_error(error: BaseException) -> dict[str, Any]:
    """Returns what is reported of an error; what Python has in another form, in that of the
    others."""
    if isinstance(error, GibbsError):
        return _report(error)
    if isinstance(error, TypeError):
        return {**_named("INVALID_ARGUMENT", "BAD_INPUT", "NOT_STARTED"), "message": str(error)}
    if isinstance(error, ValueError):
        return _named("INVALID_ARGUMENT", "BAD_OPTION", "NOT_STARTED")
    if isinstance(error, asyncio.CancelledError):
        return _named("CANCELLED", "CLIENT_CANCELLED", "UNKNOWN")
    raise error


def _named(code: str, reason: str, execution: str) -> dict[str, Any]:
    return {"code": code, "reason": reason, "execution": execution}


def _report(error: GibbsError) -> dict[str, Any]:
    known: dict[str, Any] = {
        "requestId": error.request_id,
        "workerId": error.worker_id,
        "retryAfterMs": None if error.retry_after is None else round(error.retry_after * 1000),
    }
    return {
        **_named(error.code, error.reason, error.execution),
        "attempts": error.attempts,
        "message": error.message,
        "details": [_detail(detail) for detail in error.details],
        "hasRemoteType": bool(error.remote_type),
        "hasTimes": error.queue_time is not None and error.run_time is not None,
        **{name: value for name, value in known.items() if value is not None},
    }


def _detail(detail: AnyMessage) -> dict[str, str]:
    return {"typeUrl": detail.type_url, "hex": detail.value.hex()}
