"""Servers that are not hubs, and names that resolve as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from gibbs_worker import http2  # isort: skip  # Before gRPC.
import grpc.aio
import pytest
from hpack import Encoder

DEAD = "127.0.0.1:1"
"""Nothing listens there."""


def _answer(*headers: tuple[str, str]) -> bytes:
    flags = http2.END_HEADERS | http2.END_STREAM
    return http2.settings({}) + http2.frame(http2.HEADERS, flags, 1, Encoder().encode(headers))


NOT_A_HUB = _answer((":status", "200"), ("grpc-status", "12"))
"""What a gRPC server says that is not a hub, to a client that has already made its call."""

NOT_HTTP2 = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class Strangers:
    """Servers of several kinds, each at an address of its own."""

    def __init__(self) -> None:
        self._servers: list[asyncio.AbstractServer] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._grpc = grpc.aio.server()
        #: The address of a gRPC server without services.
        self.grpc = ""
        #: The addresses of all.
        self.all: list[str] = []

    async def start(self) -> None:
        self.grpc = f"127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        await self._grpc.start()
        self.all = [self.grpc]
        self.all.append(await self._listen(self._refuse))
        for words in (b"", NOT_HTTP2):
            self.all.append(await self.saying(words))

    async def saying(self, words: bytes) -> str:
        """Starts a server that says that to everybody, and returns its address."""

        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.append(writer)
            writer.write(words)

        return await self._listen(accept)

    async def _listen(self, accept: Callable[..., Awaitable[None]]) -> str:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers each request as an HTTP/2 server does that does not know its path."""
        self._writers.append(writer)
        writer.write(http2.settings({}))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(len(http2.PREFACE))
            while True:
                head = await reader.readexactly(http2.HEAD_BYTES)
                await reader.readexactly(int.from_bytes(head[:3], "big"))
                if head[3] == http2.HEADERS:
                    flags = http2.END_HEADERS | http2.END_STREAM
                    block = Encoder().encode([(":status", "404")])
                    writer.write(http2.frame(http2.HEADERS, flags, http2.number(head, 5), block))

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._grpc.stop(None)


Names = dict[str, Any]


def fake_names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Returns what names resolve to from now on: addresses and ports (0: the one that is asked
    for), the error, or a function that returns or raises those. Others resolve as always."""
    known: Names = {}
    real: Callable[..., Any] = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **options)
        found = known[host]
        if callable(found):
            found = found()
        if isinstance(found, OSError):
            raise found
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, at or port))
            for address, at in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known
