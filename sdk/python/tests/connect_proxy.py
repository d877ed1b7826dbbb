"""An HTTP proxy that connects on request (CONNECT)."""

from __future__ import annotations

import asyncio
import contextlib

CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy:
    """Connects everybody to one target, and answers as the test says."""

    def __init__(
        self, target: str, answer: bytes = CONNECTED, *, target_speaks_first: bool = False
    ) -> None:
        """`target_speaks_first`: its first bytes arrive together with the answer."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._answer = answer
        self._target_speaks_first = target_speaks_first
        #: The head of each request.
        self.heads: asyncio.Queue[str] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://me:p%40ss@127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.heads.put_nowait((await reader.readuntil(b"\r\n\r\n")).decode())
        if b" 200 " not in self._answer:
            writer.write(self._answer)
            writer.close()
            return
        from_target, to_target = await asyncio.open_connection(*self._target)
        self._writers.append(to_target)
        first = await from_target.read(65_536) if self._target_speaks_first else b""
        writer.write(self._answer + first)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(reader, to_target), _copy(from_target, writer))


async def _copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        to.write(chunk)
    to.close()
