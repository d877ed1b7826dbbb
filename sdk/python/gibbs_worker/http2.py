"""The part of HTTP/2 (RFC 9113) that one gRPC call on a connection of its own needs."""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA = 0
HEADERS = 1
RST_STREAM = 3
SETTINGS = 4
PUSH_PROMISE = 5
PING = 6
GOAWAY = 7
WINDOW_UPDATE = 8
CONTINUATION = 9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20

ENABLE_PUSH = 2
INITIAL_WINDOW_SIZE = 4
MAX_FRAME_SIZE = 5
MAX_HEADER_LIST_SIZE = 6

NO_ERROR = 0
PROTOCOL_ERROR = 1
FLOW_CONTROL_ERROR = 3
CANCEL = 8
ENHANCE_YOUR_CALM = 11

HEAD_BYTES = 9
"""The size of a frame's head."""

FRAME_BYTES = 16_384
"""The largest frame that every peer accepts, and the largest that this side accepts."""

DEFAULT_WINDOW = 65_535
MAX_WINDOW = 2**31 - 1

WINDOW = 16 * 1024 * 1024
"""How many bytes a hub may send before they are acknowledged. They are when half have come."""

HEADER_BYTES = 64 * 1024
"""The largest block of headers or trailers that is accepted."""

_HEAD = struct.Struct(">HBBBI")
_DATA_HEAD = struct.Struct(">HBBBIBI")
_SETTING = struct.Struct(">HI")
_NUMBER = struct.Struct(">I")


class Http2Error(Exception):
    """The peer broke the protocol, or does not speak it."""


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def data_frame(message: bytes) -> bytes:
    """Returns the frame of stream 1 that holds a whole gRPC message. Together with the message's
    prefix of five bytes it must fit into a frame."""
    size = len(message) + 5
    return _DATA_HEAD.pack(size >> 8, size & 0xFF, DATA, 0, 1, 0, len(message)) + message


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*one) for one in values.items()))


def window_update(stream_id: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, _NUMBER.pack(size))


def rst_stream(stream_id: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream_id, _NUMBER.pack(code))


def goaway(code: int, text: str = "") -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", 0, code) + text.encode()[:256])


def number(payload: bytes, at: int = 0) -> int:
    """Returns the 32-bit number at that place. Raises Http2Error if the payload is too short."""
    if len(payload) < at + 4:
        raise Http2Error("a frame is too short")
    return int.from_bytes(payload[at : at + 4], "big")


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    if len(payload) % _SETTING.size:
        raise Http2Error("a SETTINGS frame has a wrong size")
    return list(_SETTING.iter_unpack(payload))


def unpadded(payload: bytes, flags: int) -> bytes:
    """Returns the content of a DATA or HEADERS frame without padding and priority."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if end == 0 or payload[0] >= end:
            raise Http2Error("a frame has more padding than content")
        start, end = 1, end - payload[0]
    if flags & PRIORITY:
        start += 5
    return payload[start:end]


_RESETS = {
    7: (14, "the stream was refused"),
    CANCEL: (1, "the stream was cancelled"),
    ENHANCE_YOUR_CALM: (8, "Bandwidth exhausted or memory limit exceeded"),
    12: (7, "the security is inadequate"),
}

HTTP_CODES = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
"""The gRPC code of an answer without a gRPC status, by HTTP status; everything else is UNKNOWN."""


def meaning_of_reset(code: int) -> tuple[int, str]:
    """Returns the gRPC code and message of a stream that was reset, as gRPC's mapping says."""
    return _RESETS.get(code, (13, f"the stream was reset ({code})"))
