"""What an HTTP/2 stream sends: messages cut into frames, within the peer's windows."""

from __future__ import annotations

from collections import deque

from . import http2
from .http2 import Http2Error


class Outbox:
    """The messages of stream 1 that wait for a window, and the end of the stream."""

    def __init__(self) -> None:
        self._chunks: deque[memoryview] = deque()
        self._window = self._initial_window = http2.DEFAULT_WINDOW
        self._connection_window = http2.DEFAULT_WINDOW
        self._frame_bytes = http2.FRAME_BYTES
        self._end = b""
        self._is_half_closed = False

    @property
    def is_empty(self) -> bool:
        return not self._chunks

    def add(self, message: bytes) -> bytes:
        """Adds a message. Returns the frames to send now, which may be none."""
        frame = self.add_whole(message)
        if frame:
            return frame
        self._chunks.append(memoryview(b"\0" + len(message).to_bytes(4, "big") + message))
        return self.take()

    def add_whole(self, message: bytes) -> bytes:
        """Returns the frame that holds the message, if it can be sent now; empty otherwise."""
        size = len(message) + 5
        if self._chunks or size > self._frame_bytes:
            return b""
        if size > self._window or size > self._connection_window:
            return b""
        self._window -= size
        self._connection_window -= size
        return http2.data_frame(message)

    def half_close(self) -> bytes:
        """Ends the stream after its last message. Returns the frames to send now."""
        if not self._is_half_closed:
            self._is_half_closed = True
            self._end = http2.frame(http2.DATA, http2.END_STREAM, 1)
        return self.take()

    def take(self) -> bytes:
        """Removes and returns what the windows allow."""
        frames = []
        while self._chunks:
            chunk = self._chunks[0]
            size = min(len(chunk), self._window, self._connection_window, self._frame_bytes)
            if size <= 0:
                break
            self._window -= size
            self._connection_window -= size
            frames.append(http2.frame(http2.DATA, 0, 1, bytes(chunk[:size])))
            if size == len(chunk):
                self._chunks.popleft()
            else:
                self._chunks[0] = chunk[size:]
        if not self._chunks:
            frames.append(self._end)
            self._end = b""
        return b"".join(frames)

    def clear(self) -> None:
        self._chunks.clear()
        self._end = b""

    def apply_settings(self, values: list[tuple[int, int]]) -> None:
        """Takes over what the peer says about windows and frames."""
        for key, value in values:
            if key == http2.INITIAL_WINDOW_SIZE:
                self._window += value - self._initial_window
                self._initial_window = value
            elif key == http2.MAX_FRAME_SIZE:
                self._frame_bytes = max(value, http2.FRAME_BYTES)

    def widen(self, stream_id: int, size: int) -> None:
        """The peer takes `size` bytes more."""
        if stream_id == 0:
            self._connection_window += size
        else:
            self._window += size
        if max(self._window, self._connection_window) > http2.MAX_WINDOW:
            raise Http2Error("a window is too large")
