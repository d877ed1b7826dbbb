"""One `Work` call on its own channel."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Callable

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ._gen.worker_pb2 import HubEvent, WorkerEvent, WorkRequest, WorkResponse
from .errors import GibbsError
from .options import ENVELOPE_BYTES, MAX_BATCH_BYTES
from .proxy import channel_options
from .status import from_rpc_error

MADE_UP = "Internal error from Core"
"""The message of a status that grpc.aio makes up itself."""

STATUS_PATIENCE = 0.1
"""How long to wait, in seconds, for the hub's status after a made-up one."""

BREAK_PATIENCE = 0.1
"""How long, in seconds, the end of a call may lag behind the loss of its connection."""

opened_channels = 0
"""The number of channels opened by this process: gRPC, once in use, does not survive a fork."""


def open_channel(address: str, options: Sequence[tuple[str, int]]) -> grpc.aio.Channel:
    """Opens a channel of its own, with pings no more frequent than servers and proxies tolerate.

    The environment's proxies do not apply to this machine: see `proxy`.
    """
    global opened_channels
    opened_channels += 1
    common = [
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    all_options = [*common, *channel_options(address), *options]
    return grpc.aio.insecure_channel(address, options=all_options)


class Connection:
    """Sends and receives until the hub ends the call, or until it is abandoned."""

    def __init__(self, address: str, max_payload_bytes: int) -> None:
        limit = max_payload_bytes + ENVELOPE_BYTES
        sizes = [
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            # For retries a channel would keep all that was sent.
            ("grpc.enable_retries", 0),
        ]
        self._channel = open_channel(address, sizes)
        self._call: grpc.aio.StreamStreamCall[bytes, bytes] = self._channel.stream_stream(
            "/gibbs.v1.WorkerService/Work"
        )()
        self._first_status: grpc.aio.AioRpcError | None = None
        self._call.add_done_callback(self._on_status)
        self._outbox: list[WorkerEvent] = []
        self._filled = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._given_up: asyncio.Future[GibbsError] = loop.create_future()
        #: Settled when the connection takes no more calls (GOAWAY), though this one continues:
        #: whoever sent that may cut the connection soon.
        self.going_away: asyncio.Future[None] = loop.create_future()
        self._watching: asyncio.Future[Any] | None = None
        self._ends: set[asyncio.Future[Any]] = {self._given_up}

    def send(self, event: WorkerEvent) -> None:
        """Sends an event. All events of one tick are sent together."""
        self._outbox.append(event)
        self._filled.set()

    def give_up(self, error: GibbsError) -> None:
        """Ends `serve`, which then returns `error`."""
        if not self._given_up.done():
            self._given_up.set_result(error)

    async def serve(self, receive: Callable[[Sequence[HubEvent]], None]) -> GibbsError | None:
        """Passes on received events. Returns why the call broke; None after a clean end."""
        reader: asyncio.Future[Any] = asyncio.ensure_future(self._read(receive))
        writer: asyncio.Future[Any] = asyncio.ensure_future(self._write())
        try:
            self._ends.add(reader)
            await asyncio.wait(self._ends, return_when=asyncio.FIRST_COMPLETED)
            return self._given_up.result() if self._given_up.done() else reader.result()
        finally:
            helpers = [reader, writer]
            if self._watching is not None:
                helpers.append(self._watching)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._channel.close()

    async def _watch(self) -> None:
        """Settles `going_away` when the channel leaves READY, and the call does not end then."""
        await self._channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        # A connection that broke has the same effect, and ends the call.
        ended, _ = await asyncio.wait(
            self._ends, timeout=BREAK_PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        if not ended and not self._call.done():
            self.going_away.set_result(None)

    async def _read(self, receive: Callable[[Sequence[HubEvent]], None]) -> GibbsError | None:
        try:
            while True:
                encoded = await self._call.read()
                if not isinstance(encoded, bytes):  # grpc.aio.EOF
                    return None
                if self._watching is None:
                    self._watching = asyncio.ensure_future(self._watch())
                receive(WorkResponse.FromString(encoded).events)
        except grpc.aio.AioRpcError as error:
            return await self._why(error)
        except DecodeError as error:
            return GibbsError("INTERNAL", f"the hub sent a malformed message: {error}")

    def _on_status(self, call: Any) -> None:
        self._first_status = _status_of(call)

    async def _why(self, error: grpc.aio.AioRpcError) -> GibbsError | None:
        """Returns why the call broke; None if the hub ended it cleanly.

        When a write fails, grpc.aio makes up a status. That either replaces the hub's status, which
        says whether to reconnect, or is silently replaced by it a moment later.
        """
        if error.details() == MADE_UP:
            error = self._first_status or error
        if error.details() == MADE_UP:
            await asyncio.sleep(STATUS_PATIENCE)
            error = _status_of(self._call)
        return None if error.code() is grpc.StatusCode.OK else from_rpc_error(error)

    async def _write(self) -> None:
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                events, self._outbox = self._outbox, []
                for message in _batches(events):
                    await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # The call has ended; the reader reports why.
            pass


def _status_of(call: Any) -> grpc.aio.AioRpcError:
    """Returns the current status of an ended call."""
    code, details, trailers = map(_now, (call.code(), call.details(), call.trailing_metadata()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details)


def _now(settled: Coroutine[Any, Any, Any]) -> Any:
    """Returns the result of a coroutine that does not need to wait."""
    try:
        settled.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("the call has not ended")


def _batches(events: Sequence[WorkerEvent]) -> list[bytes]:
    """Packs events into as few messages as the size limit allows."""
    whole = WorkRequest(events=events).SerializeToString()
    if len(whole) <= MAX_BATCH_BYTES or len(events) == 1:
        return [whole]
    messages: list[WorkRequest] = []
    room = 0
    for event in events:
        size = event.ByteSize() + 8
        if size > room:
            messages.append(WorkRequest())
            room = MAX_BATCH_BYTES
        messages[-1].events.append(event)
        room -= size
    return [message.SerializeToString() for message in messages]
