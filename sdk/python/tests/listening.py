"""The base of servers that a test writes itself."""

from __future__ import annotations

import asyncio


class Listening:
    """A server at an address of its own, from `start` to `stop`."""

    async def start(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Passes on what arrives, and then its end."""
    while chunk := await source.read(65_536):
        to.write(chunk)
    to.close()
