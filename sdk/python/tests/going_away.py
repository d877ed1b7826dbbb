"""A proxy whose connections go away: it sends GOAWAY to the client, and cuts them later."""

from __future__ import annotations

import asyncio
import contextlib
import struct

ANY_STREAM = 2**31 - 1
"""The last stream id of a GOAWAY that announces a second one."""

_GOAWAY = 7


class ProxiedConnection:
    """One connection of a client, forwarded to the hub."""

    def __init__(self, client: asyncio.StreamWriter, hub: asyncio.StreamWriter) -> None:
        self._client = client
        self._hub = hub

    def go_away(self, last_stream_id: int = ANY_STREAM) -> None:
        """Sends GOAWAY, without an error, between two frames of the hub."""
        payload = struct.pack(">II", last_stream_id, 0)
        self._client.write(_header(len(payload), _GOAWAY) + payload)

    def cut(self) -> None:
        """Resets both sides."""
        self._client.transport.abort()
        self._hub.transport.abort()

    async def to_hub(self, client: asyncio.StreamReader) -> None:
        while chunk := await client.read(65_536):
            self._hub.write(chunk)
        self._hub.close()

    async def to_client(self, hub: asyncio.StreamReader) -> None:
        # Frame by frame, so that nothing is sent in the middle of one.
        while True:
            header = await hub.readexactly(9)
            length = int.from_bytes(header[:3], "big")
            self._client.write(header + await hub.readexactly(length))


class GoingAwayProxy:
    """Forwards connections to the hub at `target`."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._accepted: asyncio.Queue[ProxiedConnection] = asyncio.Queue()
        self._open: list[ProxiedConnection] = []
        #: Resets new connections instead of forwarding them.
        self.refusing = False
        #: The number of connections reset for that reason.
        self.refused: asyncio.Queue[None] = asyncio.Queue()
        self.address = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._open:
            connection.cut()
        await self._server.wait_closed()

    async def connection(self) -> ProxiedConnection:
        """Waits for the next connection."""
        return await asyncio.wait_for(self._accepted.get(), 30)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            self.refused.put_nowait(None)
            return
        from_hub, to_hub = await asyncio.open_connection(*self._target)
        connection = ProxiedConnection(writer, to_hub)
        self._open.append(connection)
        self._accepted.put_nowait(connection)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            ways = (connection.to_hub(reader), connection.to_client(from_hub))
            await asyncio.gather(*ways)
        connection.cut()


def _header(length: int, kind: int) -> bytes:
    """The header of a frame of the whole connection, without flags."""
    return length.to_bytes(3, "big") + bytes([kind, 0]) + bytes(4)
