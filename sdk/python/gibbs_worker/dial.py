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


async def dial(
    loop: asyncio.AbstractEventLoop, address: str, make_protocol: Callable[[], asyncio.Protocol]
) -> socket.socket:
    """Connects to `address`, as `options.hub_address` returns it. A name is looked up each time.

    Returns the socket, which the transport closes. Raises OSError.
    """
    sock = await _connect(loop, address)
    try:
        # This one takes any stream socket.
        await loop.create_connection(make_protocol, sock=sock)
    except BaseException:
        sock.close()
        raise
    return sock


def authority_of(address: str) -> str:
    """Returns the `:authority` of requests to that address."""
    return "localhost" if address.startswith("unix:") else address


async def _connect(loop: asyncio.AbstractEventLoop, address: str) -> socket.socket:
    if address.startswith("unix:"):
        return await _connect_one(loop, (socket.AF_UNIX, address[len("unix:") :]))
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    proxy = find_proxy(host)
    if proxy is None:
        return await _connect_any(loop, await _look_up(loop, host, int(port)))
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
    with contextlib.suppress(OSError):
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
        except OSError as error:
            outcome = OSError(f"{host} cannot be looked up: {error.strerror}")
        with contextlib.suppress(RuntimeError):  # The loop has already ended.
            loop.call_soon_threadsafe(settle, outcome)

    # Not the loop's own threads: a lookup that hangs would keep the process from exiting.
    threading.Thread(target=ask, name="gibbs-lookup", daemon=True).start()
    return await found


def _addresses(host: str, port: int, flags: int) -> list[SocketAddress]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, where) for family, _, _, _, where in infos]
