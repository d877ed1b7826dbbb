"""Opens streams to a hub, for as long as calls wait for one."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Callable

from .dial import Dialer
from .errors import GibbsError
from .failures import AT_ONCE, client_closed, not_connected, refused_at, stream_broke
from .hubs import TRANSIENT, Endpoint, Failure
from .multiplex_stream import MultiplexStream
from .options import SETTINGS_TIMEOUT


class StreamOpener:
    """Opens one stream after another, each at whichever of the addresses answers first."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        addresses: str,
        make_stream: Callable[[], MultiplexStream],
        is_needed: Callable[[], bool],
        on_refused: Callable[[GibbsError], None],
    ) -> None:
        """`on_refused` is told why no stream will open: it ends the calls that wait."""
        self._loop = loop
        self._make_stream = make_stream
        self._is_needed = is_needed
        self._on_refused = on_refused
        self._dialer = Dialer(loop, addresses)
        self._hubs = self._dialer.hubs
        #: The streams that are being opened, and what the opening of each waits for.
        self._opening: dict[MultiplexStream, asyncio.Future[None]] = {}
        #: Where each stream leads, and since when it has been open.
        self._connected: dict[MultiplexStream, tuple[Endpoint, float]] = {}
        self._task: asyncio.Task[None] | None = None
        #: The latest failure since a stream was open.
        self._why: tuple[Endpoint | None, Failure] | None = None

    def open_if_needed(self) -> None:
        if self._task is None and self._is_needed():
            # In a context of its own: it outlives the request that needs it first.
            context = contextvars.Context()
            self._task = context.run(self._loop.create_task, self._run())
            self._task.add_done_callback(self._ended)

    def opened(self, stream: MultiplexStream) -> None:
        """A stream has received the hub's settings."""
        self._hubs.forgive()
        self._why = None
        endpoint, _ = self._connected[stream]
        self._connected[stream] = (endpoint, self._loop.time())
        settled = self._opening.pop(stream)
        if not settled.done():
            settled.set_result(None)

    def leaves(self, stream: MultiplexStream, is_idle: bool) -> bool:
        """An open stream takes no more calls: it was idle, or the hub, or something before it, has
        ended it or is about to. Returns whether it had lasted for a while."""
        endpoint, since = self._connected[stream]
        if is_idle:
            self._hubs.worked(endpoint)
            return True
        has_lasted = self._hubs.left(endpoint, since)
        if not has_lasted:
            self._why = (endpoint, OSError(AT_ONCE))
        return has_lasted

    def ended(self, stream: MultiplexStream, error: GibbsError) -> None:
        """A stream is over, perhaps before it was open."""
        endpoint, _ = self._connected.pop(stream)
        settled = self._opening.pop(stream, None)
        if settled is None:
            if error.retry_after is not None:
                self._hubs.failed(endpoint, error.retry_after)
        elif not settled.done():
            settled.set_exception(error)

    def why_not(self, waited: float, request_id: str | None) -> GibbsError:
        """Returns the error of a call that has waited too long."""
        endpoint, why = self._why or (None, self._hubs.lookup_failure())
        if isinstance(why, GibbsError) and why.reason == "DRAINING":
            return stream_broke(why, False, request_id)
        text = why.message if isinstance(why, GibbsError) else ""
        if isinstance(why, OSError):
            text = why.strerror or str(why)
        if endpoint is not None:
            text = self._hubs.explain(endpoint, text)
        return not_connected(str(self._hubs), waited, text)

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
            why = f"cannot connect to {self._hubs}: {error!r}"
            self._on_refused(GibbsError("INTERNAL", why, reason="TRANSPORT"))
        # Whoever cancels all tasks of the loop cancels this one, too.
        self.open_if_needed()

    async def _run(self) -> None:
        while self._is_needed():
            await self._dialer.find(
                self._open_at, self._is_needed, self._on_failure, lambda _: None
            )

    def _on_failure(self, endpoint: Endpoint | None, why: Failure) -> None:
        self._why = (endpoint, why)
        refusal = self._hubs.refusal(lambda it: it.reason not in TRANSIENT)
        if refusal is not None:
            self._hubs.forgive()
            self._on_refused(refused_at(str(self._hubs), refusal))

    async def _open_at(self, endpoint: Endpoint) -> None:
        """Opens one stream. Raises OSError or GibbsError."""
        stream = self._make_stream()
        settled = self._opening[stream] = self._loop.create_future()
        self._connected[stream] = (endpoint, 0.0)
        silent = not_connected(endpoint.name, SETTINGS_TIMEOUT, "it says nothing")
        timer = self._loop.call_later(SETTINGS_TIMEOUT, stream.abort, silent)
        try:
            stream.socket = await self._dialer.dial(
                endpoint, lambda: stream.connect(endpoint.authority)
            )
            await settled
        except BaseException:
            if not settled.cancel() and not settled.cancelled():
                settled.exception()  # Retrieved: asyncio would log it.
            stream.abort(client_closed("NOT_STARTED"))
            raise
        finally:
            timer.cancel()
