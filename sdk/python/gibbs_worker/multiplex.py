"""Sends the requests of one event loop over as few streams as the hub allows."""

from __future__ import annotations

import asyncio
import contextvars
import math
import socket

from .backoff import Backoff
from .dial import authority_of, dial
from .errors import GibbsError
from .failures import client_closed, no_answer, not_connected, outbox_full, stream_broke
from .multiplex_stream import MultiplexStream
from .options import DIAL, MAX_UNSENT_BYTES, SETTINGS_TIMEOUT
from .pending_call import PAUSED, SENT, SETTLED, WAITING, PendingCall
from .retry import Retry

LOOK_AGAIN = 0.05
"""The shortest time between two looks at which calls have expired."""

TRANSIENT = ("CONNECTION_LOST", "DRAINING", "TRANSPORT", "NOT_CONNECTED")
"""Reasons for which another stream is tried. With any other, its calls fail."""


class MultiplexTransport:
    """The streams to one hub, on one event loop, and the calls that wait for one.

    A call waits until a stream has room: while there is none, one is opened, and another as long as
    there is a call for it. Calls are written in the order in which they were made. All methods
    belong to the loop's thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        max_payload_bytes: int,
        connect_timeout: float,
    ) -> None:
        self.loop = loop
        self._address = address
        self._max_payload_bytes = max_payload_bytes
        self._connect_timeout = connect_timeout
        #: Streams that take calls, oldest first.
        self._open: list[MultiplexStream] = []
        #: All streams whose end is still to come.
        self._streams: dict[MultiplexStream, socket.socket | None] = {}
        self._opening: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._backoff = Backoff(DIAL)
        #: Why there is no stream.
        self._why: GibbsError | OSError | None = None
        #: Calls without a stream. A dict, as it keeps their order and finds each.
        self._waiting: dict[PendingCall, None] = {}
        self._paused: set[PendingCall] = set()
        self._unsent_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._is_closed = False

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
        self._is_closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for call in [*self._waiting, *self._paused]:
            self.give_up(call)
            call.fail(client_closed("NOT_STARTED"))
        for stream in [*self._streams]:
            stream.abort(client_closed("UNKNOWN"))

    async def closed(self) -> None:
        """Waits until the connections are closed, after `close`."""
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        # The loop closes sockets in its next tick.
        await asyncio.sleep(0)

    def disown(self) -> None:
        """Closes this process's copies of the sockets, in a process that was forked."""
        for sock in self._streams.values():
            if sock is not None:
                sock.close()

    # Calls without a stream.

    def _place(self, call: PendingCall) -> None:
        if self._is_closed:
            call.fail(client_closed("NOT_STARTED"))
            return
        size = len(call.payload)
        if self._unsent_bytes > 0 and self._unsent_bytes + size > MAX_UNSENT_BYTES:
            call.fail(outbox_full(call.request_id))
            return
        self._unsent_bytes += size
        call.state = WAITING
        if not self._waiting:
            for stream in self._open:
                if stream.has_room:
                    self._add(stream, call)
                    return
        self._queue(call)
        self._open_if_needed()

    def _queue(self, call: PendingCall) -> None:
        call.stream = None
        call.expires = min(call.until, self.loop.time() + self._connect_timeout)
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
        self._backoff.reset()
        self._why = None
        self._open.append(stream)
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)
        self._fill(stream)

    def leaving(self, stream: MultiplexStream, unsent: list[PendingCall]) -> None:
        if stream in self._open:
            self._open.remove(stream)
        # They were made before those that wait.
        later, self._waiting = self._waiting, {}
        for call in unsent:
            self._queue(call)
        self._waiting.update(later)
        self._open_if_needed()

    def sent(self, call: PendingCall) -> None:
        self._unsent_bytes -= len(call.payload)

    def failed(self, call: PendingCall, error: GibbsError) -> None:
        now = self.loop.time()
        call.retry = call.retry or Retry(call.options, self._connect_timeout)
        try:
            if self._is_closed:
                raise error
            pause = call.retry.pause_after(error, now, call.until)
        except GibbsError as final:
            call.fail(final)
            return
        call.keep_id(error.request_id)
        call.state = PAUSED
        self._paused.add(call)
        call.timer = self.loop.call_later(pause, self._send_again, call, call.retry, error)

    def ended(self, stream: MultiplexStream, error: GibbsError) -> None:
        del self._streams[stream]
        if stream in self._open:
            self._open.remove(stream)
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(error)
        if not self._streams and not self._waiting and self._timer is not None:
            # Nothing is left that could expire.
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf
        self._open_if_needed()

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

    def _open_if_needed(self) -> None:
        if self._waiting and self._opening is None and not self._is_closed:
            # In a context of its own: it outlives the request that needs it first.
            context = contextvars.Context()
            self._opening = context.run(self.loop.create_task, self._keep_opening())
            self._opening.add_done_callback(self._opening_ended)

    def _opening_ended(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled():
            task.result()
        # Whoever cancels all tasks of the loop cancels this one, too.
        self._open_if_needed()

    async def _keep_opening(self) -> None:
        """Dials until no call waits."""
        while self._waiting:
            try:
                await self._open_stream()
                continue
            except OSError as error:
                self._why = error
            except GibbsError as error:
                self._why = error
                if error.reason not in TRANSIENT:
                    self._fail_waiting(error)
            hint = getattr(self._why, "retry_after", None)
            await asyncio.sleep(self._backoff.next() if hint is None else hint)

    async def _open_stream(self) -> None:
        stream = MultiplexStream(self.loop, self._max_payload_bytes, self)
        authority = authority_of(self._address)
        self._streams[stream] = None
        self._opened = opened = self.loop.create_future()
        why = not_connected(self._address, SETTINGS_TIMEOUT, "it says nothing")
        timer = self.loop.call_later(SETTINGS_TIMEOUT, stream.abort, why)
        try:
            sock = await dial(self.loop, self._address, lambda: stream.connect(authority))
            if stream in self._streams:
                self._streams[stream] = sock
            await opened
        except BaseException:
            opened.cancel()
            stream.abort(client_closed("NOT_STARTED"))
            raise
        finally:
            timer.cancel()
            self._opened = None

    def _fail_waiting(self, error: GibbsError) -> None:
        for call in [*self._waiting]:
            self._leave_queue(call)
            self.failed(call, _not_started(error, call))

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
                self._expire(call, now)
            else:
                nearest = min(nearest, call.expires)
        self._timer, self._timer_at = None, math.inf
        if nearest < math.inf:
            self._watch(max(nearest, now + LOOK_AGAIN))

    def _expire(self, call: PendingCall, now: float) -> None:
        stream, was_sent = call.stream, call.state == SENT
        self.give_up(call)
        if stream is not None:
            call.fail(no_answer("UNKNOWN" if was_sent else "NOT_STARTED", call.request_id))
        elif isinstance(self._why, GibbsError) and self._why.reason == "DRAINING":
            call.fail(_not_started(self._why, call))
        else:
            waited = min(self._connect_timeout, call.timeout)
            call.fail(not_connected(self._address, waited, _text(self._why)))


def _not_started(error: GibbsError, call: PendingCall) -> GibbsError:
    return stream_broke(error, False, call.request_id)


def _text(why: GibbsError | OSError | None) -> str:
    if isinstance(why, GibbsError):
        return why.message
    return "" if why is None else why.strerror or str(why)
