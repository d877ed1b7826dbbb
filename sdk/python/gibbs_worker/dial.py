"""Connections to a hub: names, several addresses, proxies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from .options import CONNECT_ATTEMPT, NEXT_ADDRESS
from .proxy import find_proxy

SocketAddress = tuple[int, Any]
"""A family and what `connect` of that family takes."""


class Dialer:
    """Connects to one hub. Its name is looked up each time, and what it resolves to is tried in
    turn: an address that was reached, but where no hub would talk, comes last the next time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        """`address` is as `options.hub_address` returns it."""
        self._loop = loop
        self._address = address
        self._count = 1
        self._failures = 0

    @property
    def authority(self) -> str:
        """The `:authority` of requests."""
        return "localhost" if self._address.startswith("unix:") else self._address

    async def dial(self, make_protocol: Callable[[], asyncio.Protocol]) -> socket.socket:
        """Returns the socket of a new connection, which the transport closes. Raises OSError."""
        sock = await self._connect()
        try:
            # This one takes any stream socket.
            await self._loop.create_connection(make_protocol, sock=sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def worked(self) -> None:
        """A hub has answered."""
        self._failures = 0

    def failed(self) -> bool:
        """None has. Returns whether there is an address that has not been tried since one did."""
        self._failures += 1
        return self._failures % self._count != 0

    async def _connect(self) -> socket.socket:
        loop, address = self._loop, self._address
        if address.startswith("unix:"):
            return await _connect_one(loop, (socket.AF_UNIX, address[len("unix:") :]))
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        proxy = find_proxy(host)
        if proxy is None:
            found = await _look_up(loop, host, int(port))
            self._count = len(found)
            first = self._failures % len(found)
            return await _connect_any(loop, found[first:] + found[:first])
        try:
            sock = await _connect_any(loop, await _look_up(loop, proxy.host, proxy.port))
        except OSError as error:
            raise OSError(f"{proxy} does not answer: {error}") from error
        try:
            await _within(CONNECT_ATTEMPT, proxy.tunnel(loop, sock, address))
        except BaseException:
            sock.close()
            raise
        return sock


async def _connect_any(
    loop: asyncio.AbstractEventLoop, addresses: list[SocketAddress]
) -> socket.socket:
    """Connects to the first address that answers; tries the next one when one is slow or fails."""
    if len(addresses) == 1:
        return await _connect_one(loop, addresses[0])
    left = list(addresses)
    tried: set[asyncio.Task[socket.socket]] = set()
    why: BaseException = OSError("it has no address")
    try:
        while left or tried:
            if left:
                tried.add(loop.create_task(_connect_one(loop, left.pop(0))))
            patience = NEXT_ADDRESS if left else None
            done, tried = await asyncio.wait(
                tried, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                why = task.exception() or why
                if task.exception() is None:
                    for other in done - {task}:
                        if other.exception() is None:
                            other.result().close()
                    return task.result()
        raise why
    finally:
        for task in tried:
            task.cancel()
        for late in await asyncio.gather(*tried, return_exceptions=True):
            if isinstance(late, socket.socket):
                late.close()


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


async def _within(patience: float, what: Any) -> None:
    try:
        await asyncio.wait_for(what, patience)
    except asyncio.TimeoutError:
        raise OSError(f"no answer within {patience:g} s") from None


async def _look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[SocketAddress]:
    # UnicodeError: a name that no DNS could hold.
    with contextlib.suppress(OSError, UnicodeError):
        return _addresses(host, port, socket.AI_NUMERICHOST)
    found: asyncio.Future[list[SocketAddress]] = loop.create_future()

    def settle(outcome: list[SocketAddress] | OSError) -> None:
        if found.done():
            return
        if isinstance(outcome, OSError):
            found.set_exception(outcome)
        else:
            found.set_result(outcome)

    def ask() -> None:
        try:
            outcome: list[SocketAddress] | OSError = _addresses(host, port, 0)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            outcome = OSError(f"{host} cannot be looked up: {why}")
        with contextlib.suppress(RuntimeError):  # The loop has already ended.
            loop.call_soon_threadsafe(settle, outcome)

    # Not the loop's own threads: a lookup that hangs would keep the process from exiting.
    threading.Thread(target=ask, name="gibbs-lookup", daemon=True).start()
    return await found


def _addresses(host: str, port: int, flags: int) -> list[SocketAddress]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    if not infos:
        raise OSError(f"{host} has no address")
    return [(family, where) for family, _, _, _, where in infos]
