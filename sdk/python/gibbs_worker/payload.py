"""Python data as payloads: JSON-like data as `value`, bytes as `data`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Union

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Value

from ._gen.hub_pb2 import RequestRequest, RequestResponse
from ._gen.payload_pb2 import Payload

CALL_TYPE = "application/vnd.gibbs.call+json"
"""The content type of an input that is `{"args": [...], "kwargs": {...}}`."""

MAX_DEPTH = 48
"""The maximum nesting of lists and dicts: what every decoder accepts."""

MAX_INT = 2**53

Carrier = Union[Payload, RequestRequest, RequestResponse]
_bytes = (bytes, bytearray, memoryview)


def fill(message: Carrier, data: object) -> None:
    """Puts `data` into the payload of `message`. A TypeError names what cannot be sent."""
    if isinstance(data, _bytes):
        message.data = bytes(data)
    else:
        _write(message.value, data, "", 0)


def fill_call(message: Carrier, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """Writes a single positional argument as the input itself, anything else as args and kwargs."""
    if len(args) == 1 and not kwargs:
        fill(message, args[0])
    else:
        fill(message, {"args": list(args), "kwargs": dict(kwargs)})
        message.content_type = CALL_TYPE


def read(message: Carrier) -> Any:
    """Reverses `fill`. Returns None for an empty payload."""
    if message.WhichOneof("kind") == "data":
        return message.data
    return _read(message.value)


def decode_call(encoded: bytes) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments in an encoded payload. Raises ValueError if it is malformed."""
    try:
        payload = Payload.FromString(encoded)
        data = read(payload)
    except (DecodeError, RecursionError) as error:
        raise ValueError(f"the input cannot be decoded: {error}") from error
    if payload.content_type != CALL_TYPE:
        return [data], {}
    args, kwargs = (data.get("args"), data.get("kwargs")) if isinstance(data, dict) else (0, 0)
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise ValueError(f'the input is {CALL_TYPE}, but not {{"args": [...], "kwargs": {{...}}}}')
    return args, kwargs


def _write(value: Value, data: object, place: str, depth: int) -> None:
    if data is None:
        value.null_value = 0  # type: ignore[assignment]
    elif isinstance(data, bool):
        value.bool_value = data
    elif isinstance(data, (int, float)):
        value.number_value = _number(data, place)
    elif isinstance(data, str):
        value.string_value = _text(data, "a string", place)
    elif isinstance(data, (list, tuple, dict)):
        if depth >= MAX_DEPTH:
            raise TypeError(f"more than {MAX_DEPTH} levels of lists and dicts cannot be sent")
        if isinstance(data, dict):
            fields = value.struct_value.fields
            value.struct_value.SetInParent()
            for key, item in data.items():
                if not isinstance(key, str):
                    raise _cannot(f"a key of the type {type(key).__name__}", place)
                _write(fields[_text(key, "a key", place)], item, f"{place}.{key}", depth + 1)
        else:
            value.list_value.SetInParent()
            for index, item in enumerate(data):
                _write(value.list_value.values.add(), item, f"{place}[{index}]", depth + 1)
    else:
        raise _cannot(f"a value of the type {type(data).__name__}", place, data)


def _number(data: int | float, place: str) -> float:
    if isinstance(data, int):
        if abs(data) > MAX_INT:
            raise _cannot("an integer beyond 2**53", place)
    elif not math.isfinite(data):
        raise _cannot(str(data), place)
    return float(data)


def _text(text: str, what: str, place: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _cannot(f"{what} with a lone surrogate", place) from None
    return text


def _cannot(what: str, place: str, data: object = None) -> TypeError:
    where = place and f" at {place.lstrip('.')}"
    hint = "send JSON-like data, or bytes"
    if hasattr(data, "tolist"):
        hint += "; tolist() and tobytes() make them"
    elif isinstance(data, _bytes):
        hint += " as the whole payload"
    return TypeError(f"{what}{where} cannot be sent: {hint}")


def _read(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) <= MAX_INT else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return {key: _read(item) for key, item in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_read(item) for item in value.list_value.values]
    return None
