"""Length-prefixed messages between an agent and its processes."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Callable, Generic, TypeVar

from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)
_LENGTH = struct.Struct(">I")


class Pipe(asyncio.Protocol, Generic[_M]):
    """One end of a socket. Lives on one event loop."""

    def __init__(self, parse: Callable[[bytes], _M], receive: Callable[[list[_M]], None]) -> None:
        """`receive` is called with the messages that have arrived since the last time."""
        self._parse = parse
        self._receive = receive
        self._received = bytearray()
        self._outbox: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._writable = asyncio.Event()
        #: Settled when the other end is closed, and all its messages have been received.
        self.closed: asyncio.Future[None] = self._loop.create_future()

    async def open(self, own: socket.socket) -> None:
        """Sends and receives from now on."""
        await self._loop.create_connection(lambda: self, sock=own)

    def send(self, message: Message) -> None:
        """Sends a message. All messages of one tick are sent together."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        encoded = message.SerializeToString()
        self._outbox += (_LENGTH.pack(len(encoded)), encoded)

    async def flush(self) -> None:
        """Waits until the system has taken all that was sent."""
        self._flush()
        await self._writable.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        messages = []
        start = 0
        while len(received) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(received, start)
            end = start + _LENGTH.size + length
            if end > len(received):
                break
            messages.append(self._parse(bytes(received[start + _LENGTH.size : end])))
            start = end
        del received[:start]
        if messages:
            self._receive(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        if not self.closed.done():
            self.closed.set_result(None)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        # A failed send means that the other end is dying, which `closed` will report.
        if outbox and self._transport is not None:
            self._transport.write(b"".join(outbox))
