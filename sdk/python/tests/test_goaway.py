"""Connections that go away, with a server of the gRPC library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gibbs_worker import Client  # isort: skip  # Before gRPC.
import grpc
import grpc.aio
import pytest
from raw_multiplex import response

from gibbs_worker._gen.hub_pb2 import (
    HubItem,
    MultiplexRequest,
    MultiplexResponse,
    MultiplexSettings,
)


class RestlessHub:
    """Sends GOAWAY on each connection soon after it was made, as servers and proxies do that limit
    the age of connections, and cuts it some time later."""

    def __init__(self) -> None:
        self.streams = 0
        options = [("grpc.max_connection_age_ms", 150), ("grpc.max_connection_age_grace_ms", 2000)]
        self._server = grpc.aio.server(options=options)

    async def start(self) -> None:
        multiplex = grpc.stream_stream_rpc_method_handler(
            self._multiplex,
            request_deserializer=MultiplexRequest.FromString,
            response_serializer=MultiplexResponse.SerializeToString,
        )
        handler = grpc.method_handlers_generic_handler(
            "gibbs.v1.HubService", {"Multiplex": multiplex}
        )
        self._server.add_generic_rpc_handlers((handler,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)

    async def _multiplex(self, requests: Any, context: Any) -> None:
        self.streams += 1
        limits = MultiplexSettings(max_payload_bytes=1_000_000, max_open_calls=100)
        await context.write(MultiplexResponse(items=[HubItem(settings=limits)]))
        answering = []
        one_at_a_time = asyncio.Lock()

        async def answer(item: Any) -> None:
            # Long enough for calls to be in flight when the connection goes away.
            await asyncio.sleep(0.02)
            async with one_at_a_time:
                await context.write(MultiplexResponse(items=[response(item, item.id)]))

        async for message in requests:
            answering += [asyncio.ensure_future(answer(item)) for item in message.items]
        await asyncio.gather(*answering)


@pytest.fixture
async def restless_hub() -> AsyncIterator[RestlessHub]:
    hub = RestlessHub()
    await hub.start()
    yield hub
    await hub.stop()


async def test_no_call_fails_when_connections_go_away(restless_hub):
    answered = 0

    async def ask(client: Client) -> None:
        nonlocal answered
        while restless_hub.streams < 6:
            await client.request(1)
            answered += 1

    async with Client(restless_hub.address) as client:
        await asyncio.gather(*(ask(client) for _ in range(8)))
    assert answered > 0
