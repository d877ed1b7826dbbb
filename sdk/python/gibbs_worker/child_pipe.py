"""The pipe of a worker process, which the thread that runs its jobs may read itself."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Callable

from google.protobuf.message import DecodeError, Message

from . import outcome
from ._fork import forget_in_children
from ._gen.worker_pb2 import HubEvent, Job, WorkerEvent
from .lead import Lead
from .options import READ_BYTES, SMALL_BYTES
from .pipe import Pipe

_LENGTH = struct.Struct(">I")


class ChildPipe(Pipe[HubEvent]):
    """Lends itself by `lead` whenever nothing is under way."""

    def __init__(
        self,
        own: socket.socket,
        receive: Callable[[list[HubEvent]], None],
        is_idle: Callable[[], bool],
    ) -> None:
        """`is_idle` says whether no job is running."""
        super().__init__(HubEvent.FromString, receive)
        self._own = own
        self._is_idle = is_idle
        self.lead: Lead | None = None
        forget_in_children(self)

    def forget(self) -> None:
        """Closes this process's copy of the socket, in a process that was forked."""
        self._own.close()

    def send(self, message: Message) -> None:
        if self.lead is not None:
            self.lead.reclaim()
        super().send(message)

    def _flush(self) -> None:
        super()._flush()
        self._lend_if_idle()

    def _lend_if_idle(self) -> None:
        transport = self._transport
        if self.lead is None or transport is None or self._outbox or self._received:
            return
        if self._is_idle() and transport.get_write_buffer_size() == 0:
            self.lead.lend()

    # What `Lead` needs, on the loop.

    def fileno(self) -> int:
        return self._own.fileno()

    def pause_reading(self) -> None:
        self._reader().pause_reading()

    def resume_reading(self) -> None:
        self._reader().resume_reading()

    def receive(self, data: bytes) -> None:
        self.data_received(data)
        self._loop.call_soon(self._lend_if_idle)

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def heard(self) -> None:
        """Needs not know: the end of the agent closes the pipe."""

    # What `Lead` needs, in the thread.

    def recv(self) -> bytes:
        return self._own.recv(READ_BYTES)

    def job_in(self, data: bytes) -> Job | None:
        if len(data) < _LENGTH.size or _LENGTH.unpack_from(data)[0] != len(data) - _LENGTH.size:
            return None
        try:
            event = HubEvent.FromString(data[_LENGTH.size :])
        except DecodeError:
            return None
        return event.job if event.HasField("job") else None

    def took(self, data: bytes) -> None:
        """Counts nothing."""

    def answer(self, job_id: int, event: WorkerEvent) -> bytes | None:
        if len(event.result.payload) > SMALL_BYTES:
            return None
        encoded = outcome.with_id(event, job_id).SerializeToString()
        sent = _LENGTH.pack(len(encoded)) + encoded
        try:
            return sent[self._own.send(sent) :]
        except OSError:
            return sent

    def _reader(self) -> asyncio.ReadTransport:
        transport = self._transport
        assert isinstance(transport, asyncio.ReadTransport)
        return transport
