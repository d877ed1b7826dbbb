"""A client for code that is not async."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Callable, TypeVar

from ._fork import forget_in_children, leave_to_parent
from .answer import Answer
from .client import TransportName, transport_maker
from .failures import client_closed
from .io_thread import IoThread, Waiter
from .map import check_map, map_in_thread
from .options import MAX_PAYLOAD_BYTES
from .outgoing import Limits
from .pending_call import PendingCall, Response

_C = TypeVar("_C", bound="SyncClient")


class SyncClient:
    """A client of one hub for threads, scripts, Flask, Django, and notebooks.

    with SyncClient("127.0.0.1:5019") as client:
        client.request(34)

    Any number of threads may share one: their requests travel on one connection, which a thread of
    the client's own serves. It connects when first needed, reconnects when the connection is lost,
    and may be used in processes that are forked: each has a connection of its own. A program that
    forgets to close it ends all the same. In `async` code use `Client`: this one would block it.
    """

    def __init__(
        self,
        hub: str | None = None,
        *,
        timeout: float = 600.0,
        connect_timeout: float = 20.0,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        transport: TransportName = "multiplex",
    ) -> None:
        """The options are those of `Client`."""
        self._limits = Limits(timeout, connect_timeout, max_payload_bytes)
        self._make_transport = transport_maker(transport, hub, self._limits)
        self._lock = threading.Lock()
        self._io: IoThread | None = None
        self._stop_at_end: weakref.finalize[Any, Any] | None = None
        forget_in_children(self)

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Sends the input to a worker that is idle, or the first that becomes idle, and returns its
        answer. Input, options and errors are those of `Client.request`. Ctrl-C while it waits
        cancels the request."""
        return self._limits.output_of(self._send(self._limits.prepare(args, kwargs)))

    def request_with_info(self, *args: Any, **kwargs: Any) -> Answer:
        """Like `request`, but also returns which worker ran the request, and how long it waited and
        ran."""
        return self._limits.answer_of(self._send(self._limits.prepare(args, kwargs)))

    def map(
        self,
        inputs: Iterable[Any],
        *,
        concurrency: int = 64,
        ordered: bool = True,
        **options: Any,
    ) -> Iterator[Any]:
        """Sends many inputs, up to `concurrency` at once, and yields the answers: `for answer in
        client.map(inputs): ...`. Inputs may be endless: each is read only when there is room to
        send it. Arguments and errors are those of `Client.map`.
        """
        check_map(concurrency, options)
        iterator = iter(inputs)
        # The thread in use when the map begins: after a `close` its calls have ended.
        io: IoThread | None = None

        def start(data: Any, on_done: Callable[[Waiter], None]) -> PendingCall:
            nonlocal io
            call = self._limits.prepare((data,), options)
            call.outcome = Waiter(on_done)
            io = io or self._running()
            io.start(call)
            return call

        def give_up(call: PendingCall) -> None:
            if io is not None:
                io.give_up(call)

        def check() -> None:
            if io is not None:
                io.check()

        read = self._limits.output_of
        return map_in_thread(iterator, start, give_up, check, read, concurrency, ordered)

    def close(self) -> None:
        """Closes the connection. Requests in progress end as CANCELLED; later ones reconnect."""
        with self._lock:
            io, self._io = self._io, None
            if self._stop_at_end is not None:
                self._stop_at_end.detach()
        if io is not None:
            io.stop()

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def forget(self) -> None:
        """Called in a forked child: the connection and its thread stay with the parent."""
        # Another thread may have held it.
        self._lock = threading.Lock()
        io, self._io = self._io, None
        if self._stop_at_end is not None:
            self._stop_at_end.detach()
        if io is not None:
            leave_to_parent(io)
            io.disown()

    def _send(self, call: PendingCall) -> Response:
        waiter = Waiter()
        call.outcome = waiter
        io = self._running()
        try:
            io.start(call)
            return waiter.wait(io)
        except BaseException:
            if not waiter.done():
                io.give_up(call)
            raise

    def _running(self) -> IoThread:
        io = self._io
        if sys.is_finalizing():
            # All other threads have been stopped.
            raise client_closed("NOT_STARTED")
        if io is not None and not io.has_ended:
            return io
        with self._lock:
            io = self._io
            # It also ends when Python exits, which may still run code that makes requests.
            if io is None or io.has_ended:
                self._io = io = IoThread(self._make_transport)
                # When nobody uses the client any more, and when Python exits.
                self._stop_at_end = weakref.finalize(self, io.stop)
            return io
