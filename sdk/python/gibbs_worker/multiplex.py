"""Sends the requests of one event loop over as few streams as the hub allows."""

from __future__ import annotations

import asyncio
import math

from .errors import GibbsError
from .failures import client_closed, no_answer, outbox_full, stream_broke
from .multiplex_stream import MultiplexStream
from .options import MAX_UNSENT_BYTES
from .pending_call import PAUSED, SENT, SETTLED, WAITING, PendingCall
from .retry import Retry
from .stream_opener import StreamOpener

LOOK_AGAIN = 0.05
"""The shortest time between two looks at which calls have expired."""


class MultiplexTransport:
    """The streams to a hub, on one event loop, and the calls that wait for one.

    A call waits until a stream has room: while there is none, one is opened, and another as long as
    there is a call for it. Calls are written in the order in which they were made. All methods
    belong to the loop's thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        addresses: str,
        max_payload_bytes: int,
        connect_timeout: float,
    ) -> None:
        self.loop = loop
        self._max_payload_bytes = max_payload_bytes
        self._connect_timeout = connect_timeout
        #: Streams that take calls, oldest first.
        self._open: list[MultiplexStream] = []
        #: All streams whose end is still to come, oldest first.
        self._streams: dict[MultiplexStream, None] = {}
        self._opener = StreamOpener(
            loop, addresses, self._make_stream, self._needs_stream, self._fail_waiting
        )
        #: Calls without a stream. A dict, as it keeps their order and finds each.
        self._waiting: dict[PendingCall, None] = {}
        self._paused: set[PendingCall] = set()
        self._unsent_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self.is_closed = False

    def start(self, call: PendingCall) -> None:
        """Sends a call, and sends it again as `Retry` says. Its outcome is set on the loop."""
        call.until = self.loop.time() + call.timeout
        self._place(call)

    def give_up(self, call: PendingCall) -> None:
        """The caller has gone. The hub is told if it has the call."""
        if call.state == SETTLED:
            return
        if call.state == PAUSED:
            self._unpause(call)
        elif call.stream is not None:
            call.stream.give_up(call)
        else:
            self._leave_queue(call)
        call.state = SETTLED

    def close(self) -> None:
        """Ends every stream and every call, as CANCELLED / CLIENT_CLOSED."""
        self.is_closed = True
        self._opener.close()
        if self._timer is not None:
            self._timer.cancel()
        for call in [*self._waiting, *self._paused]:
            self.give_up(call)
            _fail(call, client_closed("NOT_STARTED"))
        for stream in [*self._streams]:
            stream.abort(client_closed("UNKNOWN"))

    def abandon(self) -> None:
        """Closes them while the loop does not run, and may never run again."""
        self.close()

    async def closed(self) -> None:
        """Waits until the connections are closed, after `close`."""
        await self._opener.closed()
        # The loop closes sockets in its next tick.
        await asyncio.sleep(0)

    def disown(self) -> None:
        """Closes this process's copies of the sockets, in a process that was forked."""
        for stream in self._streams:
            if stream.socket is not None:
                stream.socket.close()

    # Calls without a stream.

    def _place(self, call: PendingCall) -> None:
        if self.is_closed:
            _fail(call, client_closed("NOT_STARTED"))
            return
        size = len(call.payload)
        if self._unsent_bytes > 0 and self._unsent_bytes + size > MAX_UNSENT_BYTES:
            _fail(call, outbox_full(call.request_id))
            return
        self._unsent_bytes += size
        call.state = WAITING
        if not self._waiting:
            for stream in self._open:
                if stream.has_room:
                    self._add(stream, call)
                    return
        self._queue(call)
        self._opener.open_if_needed()

    def _queue(self, call: PendingCall) -> None:
        call.stream = None
        call.connect_by = call.connect_by or self.loop.time() + self._connect_timeout
        call.expires = min(call.until, call.connect_by)
        self._waiting[call] = None
        self._watch(call.expires)

    def _add(self, stream: MultiplexStream, call: PendingCall) -> None:
        stream.add(call)
        if call.expires < self._timer_at:
            self._watch(call.expires)

    def _leave_queue(self, call: PendingCall) -> None:
        del self._waiting[call]
        self._unsent_bytes -= len(call.payload)

    def has_room_again(self, stream: MultiplexStream) -> None:
        if self._waiting:
            self._fill(stream)

    def _fill(self, stream: MultiplexStream) -> None:
        waiting = self._waiting
        while waiting and stream.has_room:
            call = next(iter(waiting))
            del waiting[call]
            self._add(stream, call)

    # What streams report.

    def opened(self, stream: MultiplexStream) -> None:
        self._open.append(stream)
        self._opener.opened(stream)
        self._fill(stream)

    def leaving(self, stream: MultiplexStream, unsent: list[PendingCall]) -> None:
        has_lasted = True
        if stream in self._open:
            self._open.remove(stream)
            has_lasted = self._opener.leaves(stream, is_idle=not stream.is_draining)
        # They were made before those that wait.
        later, self._waiting = self._waiting, {}
        for call in unsent:
            if has_lasted:
                call.connect_by = 0.0
            self._queue(call)
        self._waiting.update(later)
        self._opener.open_if_needed()

    def sent(self, call: PendingCall) -> None:
        self._unsent_bytes -= len(call.payload)

    def failed(self, call: PendingCall, error: GibbsError) -> None:
        now = self.loop.time()
        call.retry = call.retry or Retry(call.options, self._connect_timeout)
        try:
            if self.is_closed:
                raise error
            pause = call.retry.pause_after(error, now, call.until)
        except GibbsError as final:
            call.fail(final)
            return
        call.keep_id(error.request_id)
        call.connect_by = 0.0
        call.state = PAUSED
        self._paused.add(call)
        call.timer = self.loop.call_later(pause, self._send_again, call, call.retry, error)

    def ended(self, stream: MultiplexStream, error: GibbsError) -> None:
        del self._streams[stream]
        if stream in self._open:
            self._open.remove(stream)
            self._opener.leaves(stream, is_idle=False)
        self._opener.ended(stream, error)
        if not self._streams and not self._waiting and self._timer is not None:
            # Nothing is left that could expire.
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf
        self._opener.open_if_needed()

    def _send_again(self, call: PendingCall, retry: Retry, error: GibbsError) -> None:
        self._unpause(call)
        # If the loop was blocked, the pause ended late.
        if self.loop.time() >= call.until:
            call.fail(retry.final(error))
        else:
            self._place(call)

    def _unpause(self, call: PendingCall) -> None:
        self._paused.discard(call)
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None

    # Streams.

    def _make_stream(self) -> MultiplexStream:
        stream = MultiplexStream(self.loop, self._max_payload_bytes, self)
        self._streams[stream] = None
        return stream

    def _needs_stream(self) -> bool:
        return bool(self._waiting) and not self.is_closed

    def _fail_waiting(self, error: GibbsError) -> None:
        for call in [*self._waiting]:
            self._leave_queue(call)
            self.failed(call, stream_broke(error, False, call.request_id))

    # Time.

    def _watch(self, expires: float) -> None:
        """Has the timer look no later than then."""
        if expires < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = expires
            self._timer = self.loop.call_at(expires, self._look)

    def _look(self) -> None:
        """Ends the calls that have expired. One timer serves all: most calls are answered long
        before, in any order, so none of them moves it."""
        now = self.loop.time()
        nearest = math.inf
        on_streams = [call for stream in self._streams for call in stream.calls()]
        for call in [*self._waiting, *on_streams]:
            if call.state == SETTLED:
                continue
            if call.expires <= now:
                self._expire(call)
            else:
                nearest = min(nearest, call.expires)
        self._timer, self._timer_at = None, math.inf
        if nearest < math.inf:
            self._watch(max(nearest, now + LOOK_AGAIN))

    def _expire(self, call: PendingCall) -> None:
        stream, was_sent = call.stream, call.state == SENT
        self.give_up(call)
        if stream is not None:
            _fail(call, no_answer("UNKNOWN" if was_sent else "NOT_STARTED", call.request_id))
        else:
            waited = min(self._connect_timeout, call.timeout)
            _fail(call, self._opener.why_not(waited, call.request_id))


def _fail(call: PendingCall, error: GibbsError) -> None:
    """Ends a call; once a send of it may have run, the error does not say that it did not."""
    call.fail(error if call.retry is None else call.retry.final(error))
