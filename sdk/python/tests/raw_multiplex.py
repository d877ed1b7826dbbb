"""A hub for clients that a test scripts frame by frame, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from hpack import Encoder

from gibbs_worker import http2, payload
from gibbs_worker._gen.hub_pb2 import (
    CallResponse,
    ClientItem,
    HubItem,
    MultiplexDrain,
    MultiplexRequest,
    MultiplexResponse,
    MultiplexSettings,
)
from gibbs_worker._gen.payload_pb2 import Payload
from gibbs_worker.grpc_messages import HeaderReader, MessageReader
from gibbs_worker.options import MAX_MESSAGE_BYTES

PATIENCE = 30


def message_frame(*items: HubItem) -> bytes:
    return http2.data_frame(MultiplexResponse(items=items).SerializeToString())


class RawStream:
    """One connection of a client, with its one stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._headers = HeaderReader()
        self._messages = MessageReader(self._on_message, MAX_MESSAGE_BYTES)
        #: Messages as they came, and items that no test has heard yet.
        self.messages: list[MultiplexRequest] = []
        self._items: asyncio.Queue[ClientItem] = asyncio.Queue()
        #: Frames other than DATA, HEADERS and SETTINGS: kind and payload.
        self.others: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.data_bytes = 0
        self._has_data = asyncio.Event()
        self.headers: dict[bytes, bytes] = {}
        self.opened = asyncio.Event()
        self.half_closed = asyncio.Event()
        self.closed = asyncio.Event()

    async def read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._reader.readexactly(len(http2.PREFACE))
            while True:
                head = await self._reader.readexactly(http2.HEAD_BYTES)
                body = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                self._on_frame(head[3], head[4], body)
        self.closed.set()

    def _on_frame(self, kind: int, flags: int, body: bytes) -> None:
        if kind == http2.DATA:
            self.data_bytes += len(body)
            self._has_data.set()
            self._messages.read(body)
            if flags & http2.END_STREAM:
                self.half_closed.set()
        elif kind == http2.HEADERS:
            read = self._headers.read(flags, body, True)
            assert read is not None
            self.headers = read[1]
            self.opened.set()
        elif kind != http2.SETTINGS:
            self.others.put_nowait((kind, body))

    def _on_message(self, message: bytes) -> None:
        self.messages.append(MultiplexRequest.FromString(message))
        for item in self.messages[-1].items:
            self._items.put_nowait(item)

    def write(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))

    async def greet(self, max_open_calls: int = 1024, window: int = http2.WINDOW) -> None:
        """Accepts the stream, and sends the settings of HTTP/2 and those of the hub."""
        await within(self.opened.wait())
        self.write(http2.settings({http2.INITIAL_WINDOW_SIZE: window}))
        self.write(http2.window_update(0, 2**30))
        self.write(self.header_frame({":status": "200", "content-type": "application/grpc"}))
        limits = MultiplexSettings(max_payload_bytes=1_000_000, max_open_calls=max_open_calls)
        self.send(HubItem(settings=limits))

    def header_frame(self, headers: dict[str, str], flags: int = http2.END_HEADERS) -> bytes:
        return http2.frame(http2.HEADERS, flags, 1, self._encoder.encode(list(headers.items())))

    def send(self, *items: HubItem) -> None:
        self.write(message_frame(*items))

    def end(self, code: int = 0, message: str = "") -> None:
        """Ends the stream with a gRPC status."""
        trailers = {"grpc-status": str(code), "grpc-message": message}
        self.write(self.header_frame(trailers, http2.END_HEADERS | http2.END_STREAM))

    def cut(self) -> None:
        """Closes the connection, as a proxy or a process that dies does."""
        self._writer.close()

    async def hear(self, kind: str = "call") -> ClientItem:
        """Returns the next item of that kind, skipping earlier ones."""
        while True:
            item = await within(self._items.get())
            if item.WhichOneof("item") == kind:
                return item

    async def hear_bytes(self, size: int) -> None:
        """Waits until that many bytes of DATA frames have come in all."""
        while self.data_bytes < size:
            self._has_data.clear()
            await within(self._has_data.wait())

    async def hear_frame(self, kind: int) -> bytes:
        """Returns the payload of the next frame of that kind, skipping earlier ones."""
        while True:
            heard, body = await within(self.others.get())
            if heard == kind:
                return body


class RawMultiplexHub:
    """Waits for clients."""

    def __init__(self) -> None:
        self._streams: asyncio.Queue[RawStream] = asyncio.Queue()
        self._tasks: list[asyncio.Future[None]] = []
        self._open: list[RawStream] = []
        self.address = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    async def stop(self) -> None:
        self._server.close()
        for stream in self._open:
            stream.cut()
        for task in self._tasks:
            await task

    async def stream(self, **limits: int) -> RawStream:
        """Waits for the next client's stream, and greets it."""
        stream = await self.silent_stream()
        await stream.greet(**limits)
        return stream

    async def silent_stream(self) -> RawStream:
        return await within(self._streams.get())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = RawStream(reader, writer)
        self._open.append(stream)
        self._tasks.append(asyncio.ensure_future(stream.read()))
        self._streams.put_nowait(stream)


async def within(what: Any) -> Any:
    return await asyncio.wait_for(what, PATIENCE)


def response(to: ClientItem, data: object = None) -> HubItem:
    message = Payload()
    payload.fill(message, data)
    answer = CallResponse(payload=message.SerializeToString(), request_id="r", attempts=1)
    return HubItem(id=to.id, response=answer)


def input_of(item: ClientItem) -> Any:
    return payload.read(Payload.FromString(item.call.payload))


DRAIN = HubItem(drain=MultiplexDrain())
