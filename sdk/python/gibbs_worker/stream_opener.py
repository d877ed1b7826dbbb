"""Opens streams to a hub, for as long as calls wait for one."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Callable

from .backoff import Backoff
from .dial import Dialer
from .errors import GibbsError
from .failures import client_closed, not_connected, stream_broke
from .multiplex_stream import MultiplexStream
from .options import DIAL, SETTINGS_TIMEOUT

TRANSIENT = ("CONNECTION_LOST", "DRAINING", "TRANSPORT", "NOT_CONNECTED")
"""Reasons for which it dials again. With any other, the waiting calls fail."""


class StreamOpener:
    """Dials until a stream is open, one at a time, with growing pauses."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        make_stream: Callable[[], MultiplexStream],
        is_needed: Callable[[], bool],
        on_refused: Callable[[GibbsError], None],
    ) -> None:
        """`on_refused` is told why no stream will open: it ends the calls that wait."""
        self._loop = loop
        self._address = address
        self._make_stream = make_stream
        self._is_needed = is_needed
        self._on_refused = on_refused
        self._dialer = Dialer(loop, address)
        self._backoff = Backoff(DIAL)
        #: The stream that is being opened, and what its opening waits for.
        self._stream: MultiplexStream | None = None
        self._settled: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        #: Why the last attempt failed.
        self._why: GibbsError | OSError | None = None

    def open_if_needed(self) -> None:
        if self._task is None and self._is_needed():
            # In a context of its own: it outlives the request that needs it first.
            context = contextvars.Context()
            self._task = context.run(self._loop.create_task, self._run())
            self._task.add_done_callback(self._ended)

    def opened(self) -> None:
        """A stream has received the hub's settings."""
        self._dialer.worked()
        self._backoff.reset()
        self._why = None
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def ended(self, stream: MultiplexStream, error: GibbsError) -> None:
        """A stream is over, perhaps before it was open."""
        if stream is self._stream and self._settled is not None and not self._settled.done():
            self._settled.set_exception(error)

    def why_not(self, waited: float, request_id: str | None) -> GibbsError:
        """Returns the error of a call that has waited too long."""
        why = self._why
        if isinstance(why, GibbsError) and why.reason == "DRAINING":
            return stream_broke(why, False, request_id)
        text = why.message if isinstance(why, GibbsError) else ""
        if isinstance(why, OSError):
            text = why.strerror or str(why)
        return not_connected(self._address, waited, text)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def closed(self) -> None:
        """Waits until nothing is being opened any more, after `close`."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # A fault of this library must not leave calls waiting.
            why = f"cannot connect to {self._address}: {error!r}"
            self._on_refused(GibbsError("INTERNAL", why, reason="TRANSPORT"))
        # Whoever cancels all tasks of the loop cancels this one, too.
        self.open_if_needed()

    async def _run(self) -> None:
        while self._is_needed():
            pause = None
            try:
                await self._open()
                continue
            except OSError as error:
                self._why = error
            except GibbsError as error:
                self._why = error
                pause = error.retry_after
            if self._dialer.failed():
                continue
            if isinstance(self._why, GibbsError) and self._why.reason not in TRANSIENT:
                self._on_refused(self._why)
            await asyncio.sleep(self._backoff.next() if pause is None else pause)

    async def _open(self) -> None:
        """Opens one stream. Raises OSError or GibbsError."""
        self._stream = stream = self._make_stream()
        self._settled = settled = self._loop.create_future()
        silent = not_connected(self._address, SETTINGS_TIMEOUT, "it says nothing")
        timer = self._loop.call_later(SETTINGS_TIMEOUT, stream.abort, silent)
        try:
            stream.socket = await self._dialer.dial(lambda: stream.connect(self._dialer.authority))
            await settled
        except BaseException:
            if not settled.cancel() and not settled.cancelled():
                settled.exception()  # Retrieved: asyncio would log it.
            stream.abort(client_closed("NOT_STARTED"))
            raise
        finally:
            timer.cancel()
            self._stream = self._settled = None
