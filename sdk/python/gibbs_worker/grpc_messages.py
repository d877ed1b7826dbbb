"""gRPC's framing of what it receives: messages, headers, trailers."""

from __future__ import annotations

import base64
import binascii
from typing import Callable
from urllib.parse import unquote

from hpack import Decoder

from . import http2
from .http2 import Http2Error

UNKNOWN = 2
PREFIX_BYTES = 5


class MessageTooLarge(Http2Error):
    """The peer sends a larger message than this side takes."""


class MessageReader:
    """Takes the bytes of a stream apart: a prefix of five bytes, then the message."""

    def __init__(self, on_message: Callable[[bytes], None], max_bytes: int) -> None:
        self._on_message = on_message
        self._max_bytes = max_bytes
        self._prefix = b""
        self._message = bytearray()
        self._missing = 0

    @property
    def is_between(self) -> bool:
        """Whether all that was begun has been read."""
        return not self._missing and not self._prefix

    def read(self, data: bytes) -> None:
        """Raises Http2Error for a message that this side cannot read."""
        at, end = 0, len(data)
        while at < end:
            if self._missing:
                taken = min(self._missing, end - at)
                self._message += data[at : at + taken]
                self._missing -= taken
                at += taken
                if not self._missing:
                    message, self._message = bytes(self._message), bytearray()
                    self._on_message(message)
                continue
            taken = min(PREFIX_BYTES - len(self._prefix), end - at)
            prefix = self._prefix + data[at : at + taken]
            at += taken
            if len(prefix) < PREFIX_BYTES:
                self._prefix = prefix
                return
            self._prefix = b""
            size = int.from_bytes(prefix[1:], "big")
            if prefix[0]:
                raise Http2Error("a message is compressed")
            if size > self._max_bytes:
                raise MessageTooLarge(f"a message has {size} bytes, more than {self._max_bytes}")
            if size <= end - at:
                self._on_message(data[at : at + size])
                at += size
            else:
                self._missing = size


class HeaderReader:
    """Joins and decodes blocks of headers."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=http2.HEADER_BYTES)
        self._block = b""
        self._flags: int | None = None

    @property
    def is_within(self) -> bool:
        """Whether a block goes on: nothing else may come between its frames."""
        return self._flags is not None

    def read(
        self, flags: int, block: bytes, is_first: bool
    ) -> tuple[bool, dict[bytes, bytes]] | None:
        """Returns whether the stream ends with them, and the headers; None until all are there.
        Raises Http2Error or HPACKError."""
        if is_first:
            self._flags = flags
        elif self._flags is None:
            raise Http2Error("a CONTINUATION frame continues nothing")
        self._block += block
        if len(self._block) > http2.HEADER_BYTES:
            raise Http2Error("the headers are too large")
        if not flags & http2.END_HEADERS or self._flags is None:
            return None
        is_end = bool(self._flags & http2.END_STREAM)
        whole, self._block, self._flags = self._block, b"", None
        decoded = self._decoder.decode(whole, raw=True)
        return is_end, {bytes(key): bytes(value) for key, value in decoded}


class GrpcStatus:
    """How a call ended. `code` 0 is OK; `details` is an encoded `google.rpc.Status`, or empty."""

    def __init__(self, code: int, message: str, details: bytes = b"") -> None:
        self.code = code
        self.message = message
        self.details = details


def status_of(headers: dict[bytes, bytes]) -> GrpcStatus:
    """Reads the trailers, or the headers of an answer that consists of nothing else."""
    code = headers.get(b"grpc-status", b"")
    if code.isdigit():
        message = unquote(headers.get(b"grpc-message", b"").decode(errors="replace"))
        details = headers.get(b"grpc-status-details-bin", b"")
        try:
            # gRPC leaves out the padding.
            decoded = base64.b64decode(details + b"=" * (-len(details) % 4))
        except binascii.Error:
            decoded = b""
        return GrpcStatus(int(code), message, decoded)
    http = headers.get(b":status", b"").decode(errors="replace")
    known = http2.HTTP_CODES.get(int(http), UNKNOWN) if http.isdigit() else UNKNOWN
    return GrpcStatus(known, f"an answer without a gRPC status (HTTP {http})")
