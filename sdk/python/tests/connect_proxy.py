"""An HTTP proxy that connects on request (CONNECT)."""

from __future__ import annotations

import asyncio
import contextlib

from listening import Listening, copy

CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy(Listening):
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

    @property
    def url(self) -> str:
        return f"http://me:p%40ss@{self.address}"

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
            await asyncio.gather(copy(reader, to_target), copy(from_target, writer))
