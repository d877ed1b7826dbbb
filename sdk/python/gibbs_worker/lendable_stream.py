"""A gRPC stream that another thread may use while its event loop does not."""

from __future__ import annotations

import socket
from typing import Callable

from . import http2
from .grpc_stream import GrpcStream

_HEAD = bytes((http2.DATA, 0, 0, 0, 0, 1, 0))
"""What follows the size of a DATA frame of stream 1 without flags, in which a message begins."""

_MESSAGE_AT = http2.HEAD_BYTES + 5


class LendableStream(GrpcStream):
    """The methods that are added here belong to the thread that has it, except `may_be_lent`."""

    socket: socket.socket
    """The socket of its connection. Set by whoever has dialled."""

    reclaim: Callable[[], None]
    """Takes it back for the loop. Set by its owner."""

    @property
    def may_be_lent(self) -> bool:
        """Whether nothing is half sent or half received."""
        transport = self._transport
        if transport is None or self._is_over or not self.is_writable:
            return False
        if self._rest or self._header_reader.is_within or not self._messages.is_between:
            return False
        return transport.get_write_buffer_size() == 0

    def _keep_alive(self) -> None:
        self.reclaim()
        super()._keep_alive()

    def _expect_pong(self) -> None:
        self.reclaim()
        super()._expect_pong()

    def pause_reading(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        assert self._transport is not None
        self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Sends the rest of a frame."""
        self._write(data)

    def message_in(self, data: bytes) -> bytes | None:
        """Returns the message that the data consists of; None if there is more to it or less, or
        the peer's window would have to be widened."""
        size = len(data) - http2.HEAD_BYTES
        if data[3 : len(_HEAD) + 3] != _HEAD or int.from_bytes(data[:3], "big") != size:
            return None
        if int.from_bytes(data[_MESSAGE_AT - 4 : _MESSAGE_AT], "big") != size - 5:
            return None
        if self._unacknowledged + size >= http2.WINDOW // 2:
            return None
        return data[_MESSAGE_AT:]

    def took(self, data: bytes) -> None:
        """That data was handled."""
        self._is_heard = True
        self._unacknowledged += len(data) - http2.HEAD_BYTES

    def send_whole(self, message: bytes) -> bytes | None:
        """Sends a message that fits into a frame and the peer's windows; None if it does not.
        Returns what the system did not take."""
        frame = self._outbox.add_whole(message)
        if not frame:
            return None
        try:
            return frame[self.socket.send(frame) :]
        except OSError:
            # That the connection is broken, the loop will see when it writes.
            return frame
