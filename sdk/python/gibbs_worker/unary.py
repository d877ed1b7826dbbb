"""Sends each request as a gRPC call of its own, as any generated client does."""

from __future__ import annotations

import asyncio
import math

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ._gen.hub_pb2 import RequestRequest, RequestResponse
from .errors import GibbsError
from .failures import (
    client_closed,
    explain_rpc_error,
    malformed_answer,
    no_answer,
    not_connected,
)
from .options import ANSWER_GRACE, ENVELOPE_BYTES, KEEPALIVE_TIME, KEEPALIVE_TIMEOUT
from .pending_call import PendingCall
from .proxy import channel_options
from .retry import Retry

has_used_grpc = False
"""Whether this process has opened a channel: gRPC, once in use, does not survive a fork."""


class UnaryTransport:
    """A gRPC channel to one hub, on one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        max_payload_bytes: int,
        connect_timeout: float,
    ) -> None:
        self.loop = loop
        self._address = address
        self._connect_timeout = connect_timeout
        self._channel = _open(address, max_payload_bytes)
        self._ready: asyncio.Task[None] | None = None
        self._tasks: dict[PendingCall, asyncio.Task[None]] = {}
        self._closing: asyncio.Task[None] | None = None
        self._is_abandoned = False

    def start(self, call: PendingCall) -> None:
        """Sends a call. Its outcome is set on the loop."""
        task = self._tasks[call] = self.loop.create_task(self._run(call))
        task.add_done_callback(lambda _: self._tasks.pop(call, None))

    def give_up(self, call: PendingCall) -> None:
        """The caller has gone."""
        if call in self._tasks:
            self._tasks[call].cancel()

    def close(self) -> None:
        """Ends every call as CANCELLED / CLIENT_CLOSED."""
        if self._closing is None:
            if self._ready is not None:
                self._ready.cancel()
            self._closing = self.loop.create_task(self._channel.close())

    @property
    def is_closed(self) -> bool:
        return self._closing is not None or self._is_abandoned

    def abandon(self) -> None:
        """The loop does not run, and may never run again: gRPC would need it."""
        self._is_abandoned = True

    async def closed(self) -> None:
        """Waits until the connection is closed, after `close`."""
        if self._closing is not None:
            await self._closing
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def disown(self) -> None:
        """In a process that was forked: gRPC leaves nothing that could be closed."""

    async def _run(self, call: PendingCall) -> None:
        try:
            call.answer(await self._send(call))
        except asyncio.CancelledError:
            call.fail(client_closed("UNKNOWN"))
        except Exception as error:
            # gRPC says in several ways that its channel was closed.
            is_closed = self._closing is not None and not isinstance(error, GibbsError)
            call.fail(client_closed("UNKNOWN") if is_closed else error)

    async def _send(self, call: PendingCall) -> RequestResponse:
        """Sends the request, and resends it as long as `Retry` says so and time remains."""
        until = self.loop.time() + call.timeout
        retry: Retry | None = None
        while True:
            try:
                return await self._attempt(call, until)
            except GibbsError as error:
                retry = retry or Retry(call.options, self._connect_timeout)
                pause = retry.pause_after(error, self.loop.time(), until)
                call.keep_id(error.request_id)
                failed = error
            await asyncio.sleep(pause)
            # If the loop was blocked, the pause ended late.
            if self.loop.time() >= until:
                raise retry.final(failed)

    async def _attempt(self, call: PendingCall, until: float) -> RequestResponse:
        try:
            await self._connected(until)
        except asyncio.CancelledError:
            if self._closing is None:
                raise
            raise client_closed("NOT_STARTED") from None
        left = max(0.0, until - self.loop.time())
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            "/gibbs.v1.HubService/Request"
        )
        fields = RequestRequest(method=call.method, options=call.options)
        sent = method(
            # The first fields of a request are those of a payload.
            call.payload + fields.SerializeToString(),
            # Not with the `timeout` argument: gRPC would end the call itself, before the hub's own
            # status.
            metadata=[*call.metadata, ("grpc-timeout", f"{math.ceil(left * 1000)}m")],
            wait_for_ready=True,
        )
        try:
            encoded = await asyncio.wait_for(sent, left + ANSWER_GRACE)
        except grpc.aio.AioRpcError as error:
            raise explain_rpc_error(error, call.request_id) from None
        except asyncio.TimeoutError:
            raise no_answer("UNKNOWN", call.request_id) from None
        except asyncio.CancelledError:
            if self._closing is None:
                raise
            raise client_closed("UNKNOWN") from None
        try:
            return RequestResponse.FromString(encoded)
        except DecodeError as error:
            raise malformed_answer(error) from error

    async def _connected(self, until: float) -> None:
        """Waits until the channel is connected to the hub."""
        channel = self._channel
        if channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return
        patience = max(0.0, min(until - self.loop.time(), self._connect_timeout))
        try:
            # All requests share one wait, so that they are sent in the order in which they were
            # made.
            if self._ready is None or self._ready.done():
                self._ready = asyncio.ensure_future(channel.channel_ready())
            await asyncio.wait_for(asyncio.shield(self._ready), patience)
        except asyncio.TimeoutError:
            raise not_connected(self._address, patience, "") from None


def _open(address: str, max_payload_bytes: int) -> grpc.aio.Channel:
    global has_used_grpc
    has_used_grpc = True
    limit = max_payload_bytes + ENVELOPE_BYTES
    options: list[tuple[str, str | int]] = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        # No more frequent than servers and proxies tolerate.
        ("grpc.keepalive_time_ms", round(KEEPALIVE_TIME * 1000)),
        ("grpc.keepalive_timeout_ms", round(KEEPALIVE_TIMEOUT * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.use_local_subchannel_pool", 1),
        # Retries stay enabled: gRPC then sends a call again by itself that a hub had not seen
        # when it closed the connection, and only such a call, as there is no retry policy.
        # A hub that restarts within seconds should cost its callers time, not calls.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # A hub that moves to another address must be found while calls still wait for it. The
        # default is 30 s.
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ]
    return grpc.aio.insecure_channel(address, options=[*options, *channel_options(address)])
