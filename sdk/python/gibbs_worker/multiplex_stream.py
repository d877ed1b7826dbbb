"""The client's side of one `Multiplex` stream."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol

from google.protobuf.message import DecodeError

from ._gen.hub_pb2 import MultiplexResponse, MultiplexSettings
from .client_items import Batch
from .errors import GibbsError
from .failures import closed_by_hub, explain_status, stream_broke, too_large, unreadable
from .grpc_messages import GrpcStatus
from .grpc_stream import GrpcStream
from .options import ANSWER_GRACE, CLOSE_TIMEOUT, IDLE_STREAM
from .pending_call import SENT, SETTLED, WAITING, PendingCall
from .status import from_call_status

PATH = "/gibbs.v1.HubService/Multiplex"

MAX_ID = 2**32 - 1

QUIET = 0.1
"""After this many seconds without a word from the hub, look whether it has gone before sending."""


class StreamOwner(Protocol):
    """Receives a stream's events."""

    def opened(self, stream: MultiplexStream) -> None:
        """The hub's settings have arrived: calls may be added."""

    def leaving(self, stream: MultiplexStream, unsent: list[PendingCall]) -> None:
        """The stream takes no further calls; those belong elsewhere."""

    def has_room_again(self, stream: MultiplexStream) -> None:
        """A call has ended."""

    def sent(self, call: PendingCall) -> None:
        """A call is being written, or will never be."""

    def failed(self, call: PendingCall, error: GibbsError) -> None:
        """A call has failed."""

    def ended(self, stream: MultiplexStream, error: GibbsError) -> None:
        """The stream is over. Called once, after everything else."""


class MultiplexStream:
    """The client's side of one `Multiplex` stream.

    | from | event | to |
    |---|---|---|
    | opening | settings | open |
    | open | no calls for some time | closing |
    | open | drain, or the connection goes away | draining: takes no further calls |
    | draining | no call left | closing |
    | any but ended | the end of the stream; a message that breaks the protocol | ended |

    Entering closing half-closes the stream. Settings after the first are ignored.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, max_payload_bytes: int, owner: StreamOwner
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._state = "opening"
        self._grpc: GrpcStream | None = None
        #: The socket of its connection, once there is one. Its transport closes it.
        self.socket: socket.socket | None = None
        self._max_payload_bytes = max_payload_bytes
        self._max_open_calls = 0
        #: Calls that were written, by id, until their terminal item arrives.
        self._calls: dict[int, PendingCall] = {}
        self._outbox: deque[PendingCall] = deque()
        self._cancels: list[int] = []
        self._last_id = 0
        self._is_flushing = False
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connect(self, authority: str) -> GrpcStream:
        """Makes the protocol of its connection."""
        self._grpc = GrpcStream(self._loop, PATH, authority, self)
        return self._grpc

    @property
    def has_room(self) -> bool:
        return self._state == "open" and len(self._calls) + len(self._outbox) < self._max_open_calls

    @property
    def is_draining(self) -> bool:
        return self._state == "draining"

    def calls(self) -> list[PendingCall]:
        """Returns all calls on it, those that were given up included."""
        return [*self._calls.values(), *self._outbox]

    def add(self, call: PendingCall) -> None:
        """Sends a call. Calls added in the same tick share a message."""
        call.stream = self
        call.expires = call.until + ANSWER_GRACE
        self._outbox.append(call)
        self._flush_later()

    def give_up(self, call: PendingCall) -> None:
        """The caller of a call that was added has gone."""
        was_sent = call.state == SENT
        call.state = SETTLED
        if was_sent:
            self._cancels.append(call.id)
            self._flush_later()
        else:
            # It stays in the outbox, to be passed over.
            self._owner.sent(call)
        call.payload = b""

    def abort(self, error: GibbsError) -> None:
        """Ends the stream at once; its calls fail with `error`."""
        if self._grpc is not None:
            self._grpc.abort()
        self._end(error)

    # What the connection reports.

    def on_message(self, message: bytes) -> None:
        try:
            items = MultiplexResponse.FromString(message).items
        except DecodeError as error:
            self.abort(unreadable(error))
            return
        self._heard_at = self._loop.time()
        calls = self._calls
        for item in items:
            kind = item.WhichOneof("item")
            if kind == "response":
                call = calls.pop(item.id, None)
                if call is not None and call.state == SENT:
                    call.answer(item.response)
            elif kind == "status":
                call = calls.pop(item.id, None)
                if call is not None and call.state == SENT:
                    self._owner.failed(call, from_call_status(item.status))
            elif kind == "settings":
                self._open(item.settings)
            elif kind == "drain":
                self._drain()
        if self._state == "open":
            self._owner.has_room_again(self)
        else:
            self._close_if_drained()

    def on_writable(self) -> None:
        if self._outbox or self._cancels:
            self._flush_later()

    def on_leaving(self) -> None:
        self._drain()

    def on_end(self, status: GrpcStatus) -> None:
        is_clean = status.code == 0
        self._end(
            closed_by_hub()
            if is_clean
            else explain_status(status.code, status.message, status.details)
        )

    # What is sent.

    def _flush_later(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        grpc = self._grpc
        self._is_flushing = False
        if grpc is None or not grpc.is_writable or self._state == "ended":
            return
        now = self._loop.time()
        if now - self._heard_at > QUIET:
            # A loop that was blocked, or a stream that was idle, may not have seen yet that the hub
            # has gone. What is written now would be lost, and might have run.
            self._heard_at = now
            self._flush_later()
            return
        outbox = self._outbox
        while (outbox or self._cancels) and grpc.is_writable:
            batch = self._take_batch(now)
            if batch:
                grpc.send(batch)
        self._close_if_drained()

    def _take_batch(self, now: float) -> bytes:
        """Moves as much as fits into one message."""
        batch = Batch()
        for call_id in self._cancels:
            batch.cancel(call_id)
        self._cancels.clear()
        outbox = self._outbox
        while outbox:
            call = outbox[0]
            if call.state == WAITING:
                if len(call.payload) > self._max_payload_bytes:
                    self._refuse(call)
                elif batch.has_room_for(call):
                    self._owner.sent(call)
                    call.state = SENT
                    call.id = self._next_id()
                    self._calls[call.id] = call
                    batch.add(call, now)
                else:
                    break
            outbox.popleft()
        return batch.encode()

    def _refuse(self, call: PendingCall) -> None:
        """Fails a call that is larger than the hub takes."""
        self._owner.sent(call)
        size, most = len(call.payload), self._max_payload_bytes
        self._owner.failed(call, too_large(size, most, call.request_id))

    def _next_id(self) -> int:
        while True:
            self._last_id = 1 if self._last_id == MAX_ID else self._last_id + 1
            if self._last_id not in self._calls:
                return self._last_id

    # The life of the stream.

    def _open(self, settings: MultiplexSettings) -> None:
        if self._state != "opening":
            return
        self._state = "open"
        self._max_payload_bytes = min(self._max_payload_bytes, settings.max_payload_bytes)
        self._max_open_calls = settings.max_open_calls
        self._watch_idle(self._last_id)
        self._owner.opened(self)

    def _drain(self) -> None:
        if self._state == "opening":
            self.abort(closed_by_hub())
        elif self._state == "open":
            self._state = "draining"
            unsent = [call for call in self._outbox if call.state == WAITING]
            self._outbox.clear()
            self._owner.leaving(self, unsent)
            self._close_if_drained()

    def _close_if_drained(self) -> None:
        if self._state == "draining" and not self._calls and not self._outbox:
            self._close()

    def _close(self) -> None:
        assert self._grpc is not None
        self._state = "closing"
        self._owner.leaving(self, [])
        self._grpc.half_close()
        self._set_timer(CLOSE_TIMEOUT, self.abort, closed_by_hub())

    def _end(self, error: GibbsError) -> None:
        if self._state == "ended":
            return
        self._state = "ended"
        if self._timer is not None:
            self._timer.cancel()
        calls = self.calls()
        self._calls.clear()
        self._outbox.clear()
        for call in calls:
            was_sent = call.state == SENT
            if call.state == WAITING:
                self._owner.sent(call)
            if call.state != SETTLED:
                self._owner.failed(call, stream_broke(error, was_sent, call.request_id))
        self._owner.ended(self, error)

    def _watch_idle(self, last_id: int) -> None:
        """Closes the stream when it has had no call for a while: hubs and proxies wait for it."""
        self._set_timer(IDLE_STREAM, self._close_if_idle, last_id)

    def _close_if_idle(self, last_id: int) -> None:
        if self._state != "open":
            return
        if self._last_id == last_id and not self._calls and not self._outbox:
            self._close()
        else:
            self._watch_idle(self._last_id)

    def _set_timer(self, delay: float, call: object, *args: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, call, *args)  # type: ignore[arg-type]
