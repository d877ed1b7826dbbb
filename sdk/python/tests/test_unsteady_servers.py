"""Servers that end connections or calls without serving them."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest
from asking import Asking, same
from hpack import Encoder
from listening import Listening, copy
from raw_multiplex import RawMultiplexHub, message_frame, within

from gibbs_worker import Client, GibbsError, http2
from gibbs_worker._gen.hub_pb2 import HubItem, MultiplexSettings


class Restless(Listening):
    """Ends every connection as soon as it is made: after the hub's settings, or before."""

    def __init__(self, last_id: int, greets: bool) -> None:
        self._last_id = last_id
        self._greets = greets
        self.connections = 0

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        frames = [http2.settings({})]
        if self._greets:
            headers = Encoder().encode([(":status", "200")])
            limits = MultiplexSettings(max_payload_bytes=1_000_000, max_open_calls=100)
            frames.append(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, headers))
            frames.append(message_frame(HubItem(settings=limits)))
        goodbye = struct.pack(">II", self._last_id, http2.NO_ERROR)
        frames.append(http2.frame(http2.GOAWAY, 0, 0, goodbye))
        writer.write(b"".join(frames))


@pytest.mark.parametrize(
    ("kind", "last_id", "greets"),
    [("async", 1, True), ("async", 1, False), ("async", 0, False), ("async unary", 0, False)],
)
async def test_connections_that_end_at_once_are_not_made_without_pause(kind, last_id, greets):
    server = Restless(last_id, greets)
    await server.start()
    try:
        async with Asking(kind, server.address, connect_timeout=1.0) as client:
            with pytest.raises(GibbsError) as caught:
                await client.ask()
    finally:
        await server.stop()
    assert (caught.value.code, caught.value.execution) == ("UNAVAILABLE", "NOT_STARTED")
    # Each pause has 0.1 s at least, and the first connection needs none.
    assert 2 <= server.connections <= 11


class Scripted(Listening):
    """Says something on the first request of its first connection; serves the others as `hub`
    does."""

    def __init__(self, hub: str, words: bytes, cuts: bool) -> None:
        host, _, port = hub.rpartition(":")
        self._hub = (host, int(port))
        self._words = words
        self._cuts = cuts

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if len(self._writers) > 1:
            there, back = await asyncio.open_connection(*self._hub)
            self._writers.append(back)
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(copy(reader, back), copy(there, writer))
            return
        writer.write(http2.settings({}))
        await reader.readexactly(len(http2.PREFACE))
        kind = None
        while kind != http2.HEADERS:
            head = await reader.readexactly(http2.HEAD_BYTES)
            await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind = head[3]
        writer.write(self._words)
        if self._cuts:
            writer.close()


def goaway(last_id: int, code: int) -> bytes:
    return http2.frame(http2.GOAWAY, 0, 0, struct.pack(">II", last_id, code))


CALM = http2.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    ("words", "cuts"),
    [
        (goaway(0, http2.NO_ERROR), False),
        (goaway(0, CALM), True),
        (http2.rst_stream(1, 7), False),  # REFUSED_STREAM
    ],
)
async def test_a_unary_call_that_the_server_did_not_look_at_is_sent_again(
    shared_hub, serve, words, cuts
):
    await serve(same, gibbs_hub=shared_hub.address).connected.wait()
    server = Scripted(shared_hub.address, words, cuts)
    await server.start()
    async with Asking("async unary", server.address) as client:
        await client.ask()
    await server.stop()


@pytest.mark.parametrize(
    ("words", "cuts", "reason"),
    [
        (goaway(1, http2.NO_ERROR), True, "CONNECTION_LOST"),
        # It may be a server's word for pings that are too frequent.
        (goaway(1, CALM), True, "CONNECTION_LOST"),
        # Hubs say so to a client that does not read.
        (http2.rst_stream(1, CALM), False, "SLOW_READER"),
    ],
)
@pytest.mark.parametrize("kind", ["async", "async unary"])
async def test_what_a_server_says_of_a_call_that_it_may_have_run(
    shared_hub, words, cuts, reason, kind
):
    if kind == "async":
        hub = RawMultiplexHub()
        await hub.start()
        async with Client(hub.address) as client:
            request = asyncio.ensure_future(client.request(1))
            stream = await hub.stream()
            await stream.hear()
            stream.write(words)
            if cuts:
                stream.cut()
            with pytest.raises(GibbsError) as caught:
                await within(request)
        await hub.stop()
    else:
        server = Scripted(shared_hub.address, words, cuts)
        await server.start()
        async with Client(server.address, transport="unary") as client:
            with pytest.raises(GibbsError) as caught:
                await client.request(1)
        await server.stop()
    assert (caught.value.reason, caught.value.execution) == (reason, "UNKNOWN")
