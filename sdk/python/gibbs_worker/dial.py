"""Finds a hub that answers among several addresses, and connects to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Collection, Coroutine
from typing import Any, Callable, TypeVar

from .errors import GibbsError
from .hubs import Endpoint, Failure, Hubs, Place, SocketAddress
from .options import CONNECT_ATTEMPT, DIAL, NEXT_ADDRESS, RECONNECT_SLOW
from .proxy import Proxy

_T = TypeVar("_T")


class Dialer:
    """Connects to one of several hubs, on one event loop. Names are looked up again, at most once a
    second, as long as none is found."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, addresses: str, slowest: float = DIAL[1]
    ) -> None:
        """`addresses` is as `options.hub_address` returns it. `slowest` is the longest pause once
        no hub has been there for a while."""
        self._loop = loop
        self._slowest = slowest
        self._away_since: float | None = None
        self.hubs = Hubs(addresses, lambda: loop.time())
        self._looked_up: asyncio.Future[None] | None = None

    async def find(
        self,
        open_at: Callable[[Endpoint], Coroutine[Any, Any, _T]],
        is_needed: Callable[[], bool],
        on_failure: Callable[[Endpoint | None, Failure], None],
        discard: Callable[[_T], object],
    ) -> _T | None:
        """Tries endpoints until `open_at` succeeds at one, and returns what it returns; None once
        it is no longer needed. An endpoint that has neither answered nor failed for a moment holds
        up no one: the next is tried beside it. Whichever is too late is cancelled; if it cannot be
        any more, `discard` gets what it returned.

        `open_at` raises OSError or GibbsError. These go to `on_failure`, and so does, without an
        endpoint, why a name has no address.
        """
        attempts: dict[asyncio.Task[_T], Endpoint] = {}
        found: list[_T] = []
        unknown: OSError | None = None
        next_at = self._loop.time()
        try:
            while attempts or is_needed():
                if self._loop.time() >= next_at:
                    wait = NEXT_ADDRESS
                    if is_needed():
                        self._look_up()
                        endpoint, pause = self.hubs.pick([*attempts.values()])
                        if endpoint is None:
                            wait = pause
                        else:
                            attempts[self._loop.create_task(open_at(endpoint))] = endpoint
                    next_at = self._loop.time() + wait
                ended = await self._wait(attempts, next_at - self._loop.time())
                for task in ended:
                    endpoint = attempts.pop(task)
                    try:
                        found.append(task.result())
                        return found[0]
                    except (OSError, GibbsError) as error:
                        self.failed(endpoint, getattr(error, "retry_after", None) or 0.0)
                        endpoint.failure = error
                        on_failure(endpoint, error)
                if ended or not attempts:
                    next_at = self._loop.time()
                known, unknown = unknown, self.hubs.lookup_failure()
                if unknown is not None and unknown is not known:
                    on_failure(None, unknown)
            return None
        finally:
            for task in attempts:
                task.cancel()
            try:
                await asyncio.gather(*attempts, return_exceptions=True)
            except asyncio.CancelledError:
                # Nobody gets it any more.
                for one in found:
                    discard(one)
                raise
            finally:
                for task in attempts:
                    if task.done() and not task.cancelled() and task.exception() is None:
                        discard(task.result())

    def worked(self) -> None:
        """There is a hub."""
        self._away_since = None

    def failed(self, endpoint: Endpoint, least: float = 0.0) -> None:
        """There is none: that endpoint is not to be tried again for a while, and at least for that
        time."""
        now = self._loop.time()
        if self._away_since is None:
            self._away_since = now
        after, slowest = RECONNECT_SLOW, self._slowest
        self.hubs.failed(endpoint, least, slowest if now - self._away_since > after else DIAL[1])

    async def dial(
        self, endpoint: Endpoint, make_protocol: Callable[[], asyncio.Protocol]
    ) -> socket.socket:
        """Returns the socket of a new connection, which the transport closes. Raises OSError."""
        sock = await _connect(self._loop, endpoint)
        try:
            # This one takes any stream socket.
            await self._loop.create_connection(make_protocol, sock=sock)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _wait(
        self, attempts: Collection[asyncio.Task[_T]], seconds: float
    ) -> set[asyncio.Task[_T]]:
        """Waits until an attempt ends, a lookup ends, or that time has passed. Returns the attempts
        that have ended."""
        self._looked_up = self._loop.create_future()
        awaited: set[asyncio.Future[Any]] = {*attempts, self._looked_up}
        await asyncio.wait(awaited, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
        return {task for task in attempts if task.done()}

    def _look_up(self) -> None:
        for place in self.hubs.to_look_up():
            _look_up(self._loop, place.host, place.port, self._settler(place))

    def _settler(self, place: Place) -> Callable[[list[SocketAddress] | OSError], None]:
        def settle(outcome: list[SocketAddress] | OSError) -> None:
            self.hubs.looked_up(place, outcome)
            if self._looked_up is not None and not self._looked_up.done():
                self._looked_up.set_result(None)

        return settle


async def _connect(loop: asyncio.AbstractEventLoop, endpoint: Endpoint) -> socket.socket:
    proxy = endpoint.proxy
    if proxy is None:
        assert endpoint.where is not None
        return await _connect_one(loop, endpoint.where)
    sock = await _connect_proxy(loop, proxy)
    try:
        await _within(CONNECT_ATTEMPT, proxy.tunnel(loop, sock, endpoint.name))
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_proxy(loop: asyncio.AbstractEventLoop, proxy: Proxy) -> socket.socket:
    """Connects to the first address of the proxy that answers."""
    found: asyncio.Future[list[SocketAddress] | OSError] = loop.create_future()

    def settle(outcome: list[SocketAddress] | OSError) -> None:
        if not found.done():
            found.set_result(outcome)

    _look_up(loop, proxy.host, proxy.port, settle)
    outcome = await found
    why = outcome if isinstance(outcome, OSError) else OSError("it has no address")
    for address in [] if isinstance(outcome, OSError) else outcome:
        try:
            return await _connect_one(loop, address)
        except OSError as error:
            why = error
    raise OSError(f"{proxy} does not answer: {why}") from why


async def _connect_one(loop: asyncio.AbstractEventLoop, address: SocketAddress) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await _within(CONNECT_ATTEMPT, loop.sock_connect(sock, where))
    except BaseException:
        sock.close()
        raise
    return sock


async def _within(patience: float, what: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(what, patience)
    except asyncio.TimeoutError:
        raise OSError(f"no answer within {patience:g} s") from None


def _look_up(
    loop: asyncio.AbstractEventLoop,
    host: str,
    port: int,
    settle: Callable[[list[SocketAddress] | OSError], object],
) -> None:
    """Resolves a name, and calls `settle` on the loop."""

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome: list[SocketAddress] | OSError = [(one[0], one[4]) for one in infos]
            if not infos:
                outcome = OSError(f"{host} has no address")
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS could hold.
            why = getattr(error, "strerror", None) or str(error)
            outcome = OSError(f"{host} cannot be looked up: {why}")
        with contextlib.suppress(RuntimeError):  # The loop has already ended.
            loop.call_soon_threadsafe(settle, outcome)

    # Not the loop's own threads: a lookup that hangs would keep the process from exiting.
    threading.Thread(target=ask, name="gibbs-lookup", daemon=True).start()
