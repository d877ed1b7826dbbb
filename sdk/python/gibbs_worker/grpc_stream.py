"""One bidirectional gRPC call on a connection of its own, without the gRPC library."""

from __future__ import annotations

import asyncio
from typing import Protocol

from hpack import Encoder, HPACKError

from . import http2
from ._version import __version__
from .grpc_messages import GrpcStatus, HeaderReader, MessageReader, MessageTooLarge, status_of
from .http2 import Http2Error
from .http2_outbox import Outbox
from .options import KEEPALIVE_TIME, KEEPALIVE_TIMEOUT, MAX_MESSAGE_BYTES

UNAVAILABLE = 14
INTERNAL = 13
RESOURCE_EXHAUSTED = 8

CANCELLED = http2.rst_stream(1, http2.CANCEL)


class StreamListener(Protocol):
    """Receives what happens on a stream, on its event loop."""

    def on_message(self, message: bytes) -> None: ...

    def on_writable(self) -> None:
        """A message would be sent at once again, after `is_writable` was false."""

    def on_leaving(self) -> None:
        """The peer sent GOAWAY: the call goes on, but no new work belongs on this connection."""

    def on_end(self, status: GrpcStatus) -> None:
        """The call is over. Called once, and nothing else after it."""


class GrpcStream(asyncio.Protocol):
    """A call to `path`. It is opened together with the connection, without waiting for the peer.

    What asyncio's transport calls is `connection_made`, `data_received` and so on. Nothing here
    creates a task or a future, and a message that fits into a frame is copied once.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: str,
        authority: str,
        listener: StreamListener,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """A message of more than `max_message_bytes` ends the call, as RESOURCE_EXHAUSTED."""
        self._loop = loop
        self._path = path
        self._authority = authority
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._outbox = Outbox()
        self._messages = MessageReader(self._on_message, max_message_bytes)
        self._header_reader = HeaderReader()
        self._headers: dict[bytes, bytes] = {}
        #: The beginning of a frame.
        self._rest = b""
        self._is_http2 = False
        self._is_paused = False
        self._is_over = False
        self._unacknowledged = 0
        self._goodbye = ""
        #: Whether anything was received since the keepalive timer last looked.
        self._is_heard = False
        self._keepalive: asyncio.TimerHandle | None = None

    @property
    def is_writable(self) -> bool:
        """Whether a message would be sent at once. `send` is possible regardless."""
        transport = self._transport
        if transport is None or self._is_paused or not self._outbox.is_empty:
            return False
        return not transport.is_closing()

    def send(self, message: bytes) -> None:
        """Sends a message, as soon as the peer's windows allow."""
        self._write(self._outbox.add(message))

    def half_close(self) -> None:
        """Says that nothing more will be sent."""
        self._write(self._outbox.half_close())

    def abort(self) -> None:
        """Cancels the call and closes the connection. The listener is not told."""
        self._hang_up(CANCELLED)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if self._is_over:
            transport.close()
            return
        mine = {
            http2.ENABLE_PUSH: 0,
            http2.INITIAL_WINDOW_SIZE: http2.WINDOW,
            http2.MAX_HEADER_LIST_SIZE: http2.HEADER_BYTES,
        }
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", self._path),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", f"gibbs-python/{__version__}"),
            ("grpc-accept-encoding", "identity"),
        ]
        opening = (
            http2.PREFACE,
            http2.settings(mine),
            http2.window_update(0, http2.WINDOW - http2.DEFAULT_WINDOW),
            http2.frame(http2.HEADERS, http2.END_HEADERS, 1, Encoder().encode(headers)),
        )
        self._write(b"".join(opening))
        self._keepalive = self._loop.call_later(KEEPALIVE_TIME, self._keep_alive)

    def data_received(self, data: bytes) -> None:
        self._is_heard = True
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        try:
            while end - at >= http2.HEAD_BYTES and not self._is_over:
                size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
                kind = data[at + 3]
                if not self._is_http2 and kind != http2.SETTINGS:
                    raise Http2Error("it does not speak HTTP/2")
                if size > http2.FRAME_BYTES:
                    raise Http2Error(f"a frame has {size} bytes")
                start = at + http2.HEAD_BYTES
                if end - start < size:
                    break
                at = start + size
                stream_id = int.from_bytes(data[start - 4 : start], "big") & http2.MAX_WINDOW
                self._receive(kind, data[start - 5], stream_id, data[start:at])
        except MessageTooLarge as error:
            self._end(GrpcStatus(RESOURCE_EXHAUSTED, str(error)), CANCELLED)
            return
        except (Http2Error, HPACKError) as error:
            why = str(error) or "the headers are malformed"
            self._end(GrpcStatus(UNAVAILABLE, why), http2.goaway(http2.PROTOCOL_ERROR, why))
            return
        self._rest = data[at:]

    def eof_received(self) -> None:
        self._lost("it closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(str(exc or "") or "it closed the connection")

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._pump()

    # Frames

    def _receive(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == http2.DATA:
            self._on_data(flags, payload)
        elif kind == http2.WINDOW_UPDATE:
            self._outbox.widen(stream_id, http2.number(payload) & http2.MAX_WINDOW)
            self._pump()
        elif self._header_reader.is_within or kind in (http2.HEADERS, http2.CONTINUATION):
            self._on_header_frame(kind, flags, payload)
        elif kind == http2.SETTINGS:
            if not flags & http2.ACK:
                self._is_http2 = True
                self._outbox.apply_settings(http2.read_settings(payload))
                self._write(http2.frame(http2.SETTINGS, http2.ACK, 0))
                self._pump()
        elif kind == http2.PING:
            if not flags & http2.ACK:
                self._write(http2.frame(http2.PING, http2.ACK, 0, payload))
        elif kind == http2.GOAWAY:
            self._on_goaway(payload)
        elif kind == http2.RST_STREAM:
            code = http2.number(payload)
            self._end(GrpcStatus(*http2.meaning_of_reset(code)))
        elif kind == http2.PUSH_PROMISE:
            raise Http2Error("it pushes")

    def _on_data(self, flags: int, payload: bytes) -> None:
        if self._header_reader.is_within:
            raise Http2Error("a block of headers was interrupted")
        self._unacknowledged += len(payload)
        if self._unacknowledged >= http2.WINDOW // 2:
            size, self._unacknowledged = self._unacknowledged, 0
            self._write(http2.window_update(0, size) + http2.window_update(1, size))
        if flags & http2.PADDED:
            payload = http2.unpadded(payload, http2.PADDED)
        self._messages.read(payload)
        if flags & http2.END_STREAM:
            self._end(GrpcStatus(INTERNAL, "the stream ended without a status"))

    def _on_message(self, message: bytes) -> None:
        if not self._is_over:
            self._listener.on_message(message)

    def _on_header_frame(self, kind: int, flags: int, payload: bytes) -> None:
        is_first = kind == http2.HEADERS
        if self._header_reader.is_within and kind != http2.CONTINUATION:
            raise Http2Error("a block of headers was interrupted")
        block = http2.unpadded(payload, flags) if is_first else payload
        read = self._header_reader.read(flags, block, is_first)
        if read is None:
            return
        is_end, headers = read
        if is_end:
            self._end(status_of({**self._headers, **headers}))
        elif not headers.get(b":status", b"").startswith(b"1"):
            self._headers = headers

    def _on_goaway(self, payload: bytes) -> None:
        last_id, code = http2.number(payload) & http2.MAX_WINDOW, http2.number(payload, 4)
        text = payload[8:264].decode(errors="replace")
        self._goodbye = f"; it had said goodbye ({code}{text and ': '}{text})"
        if last_id == 0:
            self._end(GrpcStatus(UNAVAILABLE, f"the stream was not accepted{self._goodbye}"))
        else:
            self._listener.on_leaving()

    def _pump(self) -> None:
        """Sends what has become possible."""
        if self._is_over:
            return
        self._write(self._outbox.take())
        if self.is_writable:
            self._listener.on_writable()

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # Ends

    def _keep_alive(self) -> None:
        """Sends a PING when nothing was heard for a while. No answer to it means a dead peer."""
        if self._is_heard:
            self._is_heard = False
            self._keepalive = self._loop.call_later(KEEPALIVE_TIME, self._keep_alive)
        else:
            self._write(http2.frame(http2.PING, 0, 0, bytes(8)))
            self._keepalive = self._loop.call_later(KEEPALIVE_TIMEOUT, self._expect_pong)

    def _expect_pong(self) -> None:
        if self._is_heard:
            self._keep_alive()
        else:
            self._lost("it did not answer a ping")

    def _lost(self, why: str) -> None:
        self._end(GrpcStatus(UNAVAILABLE, why + self._goodbye))

    def _end(self, status: GrpcStatus, last_words: bytes = b"") -> None:
        if not self._is_over:
            self._hang_up(last_words or http2.goaway(http2.NO_ERROR))
            self._listener.on_end(status)

    def _hang_up(self, last_words: bytes) -> None:
        self._is_over = True
        if self._keepalive is not None:
            self._keepalive.cancel()
        self._outbox.clear()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(last_words)
        if transport.get_write_buffer_size() > 0:
            # A peer that does not read must not keep the connection.
            transport.abort()
        else:
            transport.close()
