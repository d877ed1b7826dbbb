"""One `Work` call on its own connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Callable

from google.protobuf.message import DecodeError

from . import outcome
from ._fork import forget_in_children
from ._gen.worker_pb2 import HubEvent, Job, Ready, WorkerEvent, WorkResponse
from .dial import Dialer
from .errors import GibbsError
from .failures import closed_by_hub, unreadable
from .grpc_messages import GrpcStatus
from .hubs import Endpoint
from .lead import Lead
from .lendable_stream import LendableStream
from .options import ENVELOPE_BYTES, MAX_BATCH_BYTES, READ_BYTES, SMALL_BYTES
from .status import from_status

PATH = "/gibbs.v1.WorkerService/Work"

EVENT_HEAD_BYTES = 8
"""At least what an event takes in a message beside its own bytes."""


class Connection:
    """Sends and receives until the hub ends the call, or until it is abandoned."""

    def __init__(self, endpoint: Endpoint, max_payload_bytes: int) -> None:
        self.endpoint = endpoint
        self._loop = loop = asyncio.get_running_loop()
        #: When it was made, on the loop's clock.
        self.since = loop.time()
        limit = max_payload_bytes + ENVELOPE_BYTES
        self._stream = LendableStream(loop, PATH, endpoint.authority, self, limit)
        self._stream.reclaim = self._reclaim
        self._is_dialled = False
        #: Settled when the peer has spoken HTTP/2.
        self._opened: asyncio.Future[None] = loop.create_future()
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
        self._lead: Lead | None = None
        self._is_idle: Callable[[], bool] = lambda: False
        forget_in_children(self)

    async def open(self, dialer: Dialer, patience: float) -> None:
        """Connects, and waits for a server that speaks HTTP/2. Raises OSError or GibbsError."""
        try:
            self._stream.socket = await dialer.dial(self.endpoint, lambda: self._stream)
            self._is_dialled = True
            either: set[asyncio.Future[Any]] = {self._opened, self._ended}
            await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not self._opened.done():
                if not self._ended.done():
                    raise OSError(f"it accepts connections and says nothing for {patience:g} s")
                raise self._ended.result() or closed_by_hub()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes a connection that does not serve."""
        self._ended.cancel()
        self._stream.abort()

    def lend_by(self, lead: Lead, is_idle: Callable[[], bool]) -> None:
        """Lends itself whenever nothing is under way and `is_idle` says so."""
        self._lead = lead
        self._is_idle = is_idle

    def send(self, event: WorkerEvent) -> None:
        """Sends an event. All events of one tick are sent together."""
        self._reclaim()
        self._outbox.append(event.SerializeToString())
        self._flush_later()

    def give_up(self, error: GibbsError) -> None:
        """Ends `serve`, which then returns `error`."""
        self._reclaim()
        self._end(error)

    async def serve(self, receive: Callable[[Sequence[HubEvent]], None]) -> GibbsError | None:
        """Passes on received events. Returns why the call broke; None after a clean end."""
        self._receive = receive
        try:
            return await self._ended
        finally:
            self._reclaim()
            self._outbox.clear()
            self.close()

    def forget(self) -> None:
        """Closes this process's copy of the socket, in a process that was forked."""
        if self._is_dialled:
            self._stream.socket.close()

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
        if not self._opened.done():
            self._opened.set_result(None)
        # Not at once: there may be more in what was received, and a flush may lend the stream.
        self._flush_later()

    def on_leaving(self) -> None:
        self._is_leaving = True
        self._announce_leaving()

    def on_end(self, status: GrpcStatus) -> None:
        is_clean = status.code == 0
        self._end(None if is_clean else from_status(status.code, status.message, status.details))

    # What `Lead` needs, on the loop.

    def fileno(self) -> int:
        return self._stream.socket.fileno()

    def pause_reading(self) -> None:
        self._stream.pause_reading()

    def resume_reading(self) -> None:
        self._stream.resume_reading()

    def receive(self, data: bytes) -> None:
        self._stream.data_received(data)
        # And lends itself again.
        self._flush_later()

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def heard(self) -> None:
        self._receive(())

    # What `Lead` needs, in the thread.

    def recv(self) -> bytes:
        return self._stream.socket.recv(READ_BYTES)

    def job_in(self, data: bytes) -> Job | None:
        message = self._stream.message_in(data)
        if message is None:
            return None
        try:
            events = WorkResponse.FromString(message).events
        except DecodeError:
            return None
        return events[0].job if len(events) == 1 and events[0].HasField("job") else None

    def took(self, data: bytes) -> None:
        self._stream.took(data)

    def answer(self, job_id: int, event: WorkerEvent) -> bytes | None:
        if len(event.result.payload) > SMALL_BYTES:
            return None
        encoded = outcome.with_id(event, job_id).SerializeToString()
        return self._stream.send_whole(b"".join((_head(encoded), encoded, _READY)))

    def _announce_leaving(self) -> None:
        if self._is_leaving and self._is_answered and not self.going_away.done():
            self.going_away.set_result(None)

    def _end(self, error: GibbsError | None) -> None:
        if not self._ended.done():
            self._ended.set_result(error)

    def _reclaim(self) -> None:
        if self._lead is not None:
            self._lead.reclaim()

    def _flush_later(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        while self._outbox and self._stream.is_writable:
            self._stream.send(_take_batch(self._outbox))
        if self._lead is None or self._outbox or self._is_leaving or self._ended.done():
            return
        if self._is_idle() and self._stream.may_be_lent:
            self._lead.lend()


def _take_batch(outbox: deque[bytes]) -> bytes:
    """Moves as many encoded events into one `WorkRequest` as its size allows."""
    parts: list[bytes] = []
    room = MAX_BATCH_BYTES
    while outbox and (not parts or len(outbox[0]) + EVENT_HEAD_BYTES <= room):
        event = outbox.popleft()
        room -= len(event) + EVENT_HEAD_BYTES
        parts += (_head(event), event)
    return b"".join(parts)


def _head(event: bytes) -> bytes:
    """Returns what comes before an encoded event in a message: the tag of
    `WorkRequest.events`, and the size as a varint."""
    head = bytearray(b"\x0a")
    size = len(event)
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)


_OFFER = WorkerEvent(ready=Ready(slots=1)).SerializeToString()
_READY = _head(_OFFER) + _OFFER
