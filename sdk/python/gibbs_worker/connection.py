"""One `Work` call on its own connection."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from typing import Callable

from google.protobuf.message import DecodeError

from ._fork import forget_in_children
from ._gen.worker_pb2 import HubEvent, WorkerEvent, WorkResponse
from .dial import Dialer
from .errors import GibbsError
from .failures import unreadable
from .grpc_messages import GrpcStatus
from .grpc_stream import GrpcStream
from .options import ENVELOPE_BYTES, MAX_BATCH_BYTES
from .status import from_status

PATH = "/gibbs.v1.WorkerService/Work"

EVENT_HEAD_BYTES = 8
"""At least what an event takes in a message beside its own bytes."""

_EVENTS = b"\x0a"
"""The tag of `WorkRequest.events`."""


class Connection:
    """Dials, then sends and receives until the hub ends the call, or until it is abandoned."""

    def __init__(self, dialer: Dialer, max_payload_bytes: int) -> None:
        self._dialer = dialer
        self._loop = loop = asyncio.get_running_loop()
        limit = max_payload_bytes + ENVELOPE_BYTES
        self._stream = GrpcStream(loop, PATH, dialer.authority, self, limit)
        self._socket: socket.socket | None = None
        self._receive: Callable[[Sequence[HubEvent]], None] = lambda _: None
        #: Encoded events.
        self._outbox: deque[bytes] = deque()
        self._is_flushing = False
        self._ended: asyncio.Future[GibbsError | None] = loop.create_future()
        #: Settled when the connection takes no more calls (GOAWAY), though this one continues:
        #: whoever sent that may cut the connection soon. Not before the first message: a stream
        #: that the hub does not answer has nothing to hand over.
        self.going_away: asyncio.Future[None] = loop.create_future()
        self._is_leaving = False
        self._is_answered = False
        forget_in_children(self)

    def send(self, event: WorkerEvent) -> None:
        """Sends an event. All events of one tick are sent together."""
        self._outbox.append(event.SerializeToString())
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def give_up(self, error: GibbsError) -> None:
        """Ends `serve`, which then returns `error`."""
        self._end(error)

    async def serve(self, receive: Callable[[Sequence[HubEvent]], None]) -> GibbsError | None:
        """Passes on received events. Returns why the call broke; None after a clean end."""
        self._receive = receive
        dialing = self._loop.create_task(self._dial())
        try:
            return await self._ended
        finally:
            self._ended.cancel()
            self._outbox.clear()
            dialing.cancel()
            await asyncio.gather(dialing, return_exceptions=True)
            self._stream.abort()

    def forget(self) -> None:
        """Closes this process's copy of the socket, in a process that was forked."""
        if self._socket is not None:
            self._socket.close()

    # What the stream reports.

    def on_message(self, message: bytes) -> None:
        try:
            events = WorkResponse.FromString(message).events
        except DecodeError as error:
            self._end(unreadable(error))
            return
        if not self._is_answered:
            self._is_answered = True
            self._announce_leaving()
        if not self._ended.done():
            self._receive(events)

    def on_writable(self) -> None:
        self._flush()

    def on_leaving(self) -> None:
        self._is_leaving = True
        self._announce_leaving()

    def on_end(self, status: GrpcStatus) -> None:
        is_clean = status.code == 0
        self._end(None if is_clean else from_status(status.code, status.message, status.details))

    async def _dial(self) -> None:
        try:
            self._socket = await self._dialer.dial(lambda: self._stream)
        except OSError as error:
            self._end(GibbsError("UNAVAILABLE", error.strerror or str(error)))
            return
        # Without waiting for the hub's first words.
        self._flush()

    def _announce_leaving(self) -> None:
        if self._is_leaving and self._is_answered and not self.going_away.done():
            self.going_away.set_result(None)

    def _end(self, error: GibbsError | None) -> None:
        if not self._ended.done():
            self._ended.set_result(error)

    def _flush(self) -> None:
        self._is_flushing = False
        while self._outbox and self._stream.is_writable:
            self._stream.send(_take_batch(self._outbox))


def _take_batch(outbox: deque[bytes]) -> bytes:
    """Moves as many encoded events into one `WorkRequest` as its size allows."""
    parts: list[bytes] = []
    room = MAX_BATCH_BYTES
    while outbox and (not parts or len(outbox[0]) + EVENT_HEAD_BYTES <= room):
        event = outbox.popleft()
        room -= len(event) + EVENT_HEAD_BYTES
        parts += (_EVENTS, _varint(len(event)), event)
    return b"".join(parts)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
