"""Keeps a client of the gRPC library connected to one of its hubs."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import grpc
import grpc.aio

from .dial import Dialer
from .errors import GibbsError
from .failures import AT_ONCE, explain_rpc_error, not_connected, refused_at, stream_broke
from .hubs import TRANSIENT, Endpoint, Failure
from .options import (
    CONNECT_ATTEMPT,
    ENVELOPE_BYTES,
    KEEPALIVE_TIME,
    KEEPALIVE_TIMEOUT,
    SETTINGS_TIMEOUT,
)
from .proxy import channel_options

PATH = "/gibbs.v1.HubService/Multiplex"

READY = grpc.ChannelConnectivity.READY

PROBE = "/grpc.health.v1.Health/Check"
"""The method of the call from which a channel that cannot connect says why."""

has_used_grpc = False
"""Whether this process has opened a channel: gRPC, once in use, does not survive a fork."""


class Channel:
    """A gRPC channel to one endpoint, connected once: when that connection is lost or goes away,
    the calls on it may finish, and no others begin."""

    def __init__(self, endpoint: Endpoint, grpc_channel: grpc.aio.Channel, since: float) -> None:
        self.endpoint = endpoint
        self.grpc = grpc_channel
        self.since = since
        self.users = 0


class Channels:
    """Opens one channel after another, each to whichever of the addresses answers first."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        addresses: str,
        max_payload_bytes: int,
        connect_timeout: float,
    ) -> None:
        self._loop = loop
        self._max_payload_bytes = max_payload_bytes
        self._connect_timeout = connect_timeout
        self._dialer = Dialer(loop, addresses)
        self.hubs = self._dialer.hubs
        self._current: Channel | None = None
        #: The current one, and those with calls that have not finished.
        self._open: set[Channel] = set()
        #: Shared by all requests, so that they are sent in the order in which they were made.
        self._search: asyncio.Task[None] | None = None
        self._waiting = 0
        #: The latest failure since one was connected.
        self._why: tuple[Endpoint | None, Failure] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def take(self) -> Channel | None:
        """Returns the channel for a call, which releases it; None if none is connected."""
        channel = self._current
        if channel is None:
            return None
        if channel.grpc.get_state() is not READY:
            self.lost(channel)
            return None
        channel.users += 1
        return channel

    async def find(self, until: float) -> Channel:
        """Like `take`, but waits until one is connected. Raises GibbsError if none will be."""
        patience = max(0.0, min(until - self._loop.time(), self._connect_timeout))
        until = self._loop.time() + patience
        while True:
            if self._search is None or self._search.done():
                self._search = self._loop.create_task(self._run())
                # Its waiters may all have gone: asyncio would log it.
                self._search.add_done_callback(lambda it: it.cancelled() or it.exception())
            self._waiting += 1
            try:
                left = max(0.0, until - self._loop.time())
                await asyncio.wait_for(asyncio.shield(self._search), left)
            except asyncio.TimeoutError:
                raise self._why_not(patience) from None
            finally:
                self._waiting -= 1
            channel = self.take()
            if channel is not None:
                return channel

    def release(self, channel: Channel) -> None:
        """A call has finished."""
        channel.users -= 1
        if channel.users == 0 and channel is not self._current and channel in self._open:
            self._open.remove(channel)
            self._hang_up(channel.grpc)

    def lost(self, channel: Channel) -> None:
        """Its connection has ended, or takes no more calls."""
        if channel is self._current:
            self._retire(channel)
            if not self.hubs.left(channel.endpoint, channel.since):
                self._why = (channel.endpoint, OSError(AT_ONCE))

    def avoid(self, channel: Channel, pause: float) -> None:
        """The server there takes no requests: later ones go elsewhere, if they can, or there after
        at least `pause` seconds."""
        if channel is self._current:
            self._retire(channel)
            self.hubs.failed(channel.endpoint, pause)

    def close(self) -> None:
        if self._search is not None:
            self._search.cancel()
        self._current = None
        while self._open:
            self._hang_up(self._open.pop().grpc)

    async def closed(self) -> None:
        """Waits until every connection is closed, after `close`."""
        tasks = {*self._closing}
        if self._search is not None:
            tasks.add(self._search)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _retire(self, channel: Channel) -> None:
        self._current = None
        channel.users += 1
        self.release(channel)

    def _hang_up(self, channel: grpc.aio.Channel) -> None:
        task = self._loop.create_task(channel.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _run(self) -> None:
        """Sets the current channel. Raises GibbsError if no address ever leads to a hub."""
        self.hubs.forgive()
        found = await self._dialer.find(
            self._open_at, lambda: self._waiting > 0, self._on_failure, self._hang_up_late
        )
        if found is not None:
            self._why = None
            self._current = found
            self._open.add(found)

    def _on_failure(self, endpoint: Endpoint | None, why: Failure) -> None:
        self._why = (endpoint, why)
        refusal = self.hubs.refusal(lambda it: it.reason not in TRANSIENT)
        if refusal is not None:
            raise stream_broke(refused_at(str(self.hubs), refusal), False, None)

    def _hang_up_late(self, channel: Channel) -> None:
        self._hang_up(channel.grpc)

    async def _open_at(self, endpoint: Endpoint) -> Channel:
        """Returns a channel that is connected. Raises OSError or GibbsError."""
        channel = _open(endpoint, self._max_payload_bytes)
        try:
            state = channel.get_state(try_to_connect=True)
            while state is not READY:
                await channel.wait_for_state_change(state)
                state = channel.get_state()
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    raise OSError(await _why_not_ready(channel))
                if state is grpc.ChannelConnectivity.IDLE:
                    raise OSError(AT_ONCE)
            if self.hubs.size > 1:
                await asyncio.wait_for(_expect_hub(channel), SETTINGS_TIMEOUT)
        except asyncio.TimeoutError:
            self._hang_up(channel)
            raise OSError("it says nothing") from None
        except BaseException:
            self._hang_up(channel)
            raise
        return Channel(endpoint, channel, self._loop.time())

    def _why_not(self, waited: float) -> GibbsError:
        endpoint, why = self._why or (None, self.hubs.lookup_failure())
        text = why.message if isinstance(why, GibbsError) else str(why or "")
        if endpoint is not None:
            text = self.hubs.explain(endpoint, text)
        return not_connected(str(self.hubs), waited, text)


async def _expect_hub(channel: grpc.aio.Channel) -> None:
    """Raises OSError or GibbsError unless a hub is there that takes requests. A request is not the
    way to find out: nobody would know whether a server that broke it had run it."""
    call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(PATH)()
    try:
        await call.done_writing()
        if not isinstance(await call.read(), bytes):  # grpc.aio.EOF
            raise OSError("it is not a hub: it sent no settings")
    except grpc.aio.AioRpcError as error:
        raise explain_rpc_error(error, None) from None
    finally:
        call.cancel()


async def _why_not_ready(channel: grpc.aio.Channel) -> str:
    """Returns why a channel cannot connect, which gRPC says to calls only."""
    probe: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PROBE)
    try:
        await probe(b"", timeout=CONNECT_ATTEMPT)
    except grpc.aio.AioRpcError as error:
        return error.details() or ""
    return AT_ONCE


def _open(endpoint: Endpoint, max_payload_bytes: int) -> grpc.aio.Channel:
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
        ("grpc.default_authority", endpoint.authority),
        # It would send a call again by itself that the server has not seen: here, although
        # there may be no hub any more, and without a pause, on the thread of the event loop, if
        # the server says GOAWAY to every connection.
        ("grpc.enable_retries", 0),
        # How long it has to connect.
        ("grpc.min_reconnect_backoff_ms", round(CONNECT_ATTEMPT * 1000)),
        *channel_options(endpoint.proxy),
    ]
    return grpc.aio.insecure_channel(_target(endpoint), options=options)


def _target(endpoint: Endpoint) -> str:
    """Returns what gRPC dials without looking anything up, except through a proxy."""
    if endpoint.where is None or endpoint.name.startswith("unix:"):
        return endpoint.name
    host, port = endpoint.where[1][:2]
    return f"ipv6:[{quote(host)}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
