"""Sends each request as a gRPC call of its own, as any generated client does."""

from __future__ import annotations

import asyncio
import math

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ._gen.hub_pb2 import RequestRequest, RequestResponse
from .channels import Channel, Channels
from .errors import GibbsError
from .failures import client_closed, explain_rpc_error, malformed_answer, no_answer
from .options import ANSWER_GRACE
from .pending_call import PendingCall
from .retry import Retry


class UnaryTransport:
    """A gRPC channel to a hub, on one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        addresses: str,
        max_payload_bytes: int,
        connect_timeout: float,
    ) -> None:
        self.loop = loop
        self._connect_timeout = connect_timeout
        self._channels = Channels(loop, addresses, max_payload_bytes, connect_timeout)
        self._tasks: dict[PendingCall, asyncio.Task[None]] = {}
        self._is_closed = False
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
        if not self._is_closed:
            self._is_closed = True
            self._channels.close()

    @property
    def is_closed(self) -> bool:
        return self._is_closed or self._is_abandoned

    def abandon(self) -> None:
        """The loop does not run, and may never run again: gRPC would need it."""
        self._is_abandoned = True

    async def closed(self) -> None:
        """Waits until the connection is closed, after `close`."""
        await self._channels.closed()
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
            is_closed = self._is_closed and not isinstance(error, GibbsError)
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
            channel = self._channels.take() or await self._channels.find(until)
        except asyncio.CancelledError:
            if not self._is_closed:
                raise
            raise client_closed("NOT_STARTED") from None
        try:
            encoded = await self._invoke(channel, call, until)
        except GibbsError as error:
            if error.reason == "DRAINING":
                self._channels.avoid(channel, error.retry_after or 0.0)
            elif error.reason == "CONNECTION_LOST":
                # gRPC may believe in a connection that was going away from the start.
                self._channels.lost(channel)
            raise
        finally:
            self._channels.release(channel)
        try:
            return RequestResponse.FromString(encoded)
        except DecodeError as error:
            raise malformed_answer(error) from error

    async def _invoke(self, channel: Channel, call: PendingCall, until: float) -> bytes:
        left = max(0.0, until - self.loop.time())
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.grpc.unary_unary(
            "/gibbs.v1.HubService/Request"
        )
        fields = RequestRequest(method=call.method, options=call.options)
        # Without `wait_for_ready`: once its connection is lost, this channel may lead nowhere.
        sent = method(
            # The first fields of a request are those of a payload.
            call.payload + fields.SerializeToString(),
            # Not with the `timeout` argument: gRPC would end the call itself, before the hub's own
            # status.
            metadata=[*call.metadata, ("grpc-timeout", f"{math.ceil(left * 1000)}m")],
        )
        try:
            return await asyncio.wait_for(sent, left + ANSWER_GRACE)
        except grpc.aio.AioRpcError as error:
            raise explain_rpc_error(error, call.request_id) from None
        except asyncio.TimeoutError:
            raise no_answer("UNKNOWN", call.request_id) from None
        except asyncio.CancelledError:
            if not self._is_closed:
                raise
            raise client_closed("UNKNOWN") from None
