"""What `Hub`, the client for programs of the original, does about time and retries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from raw_multiplex import RawMultiplexHub, response, within

from gibbs_worker import GibbsError, GibbsTimeoutError, Hub
from gibbs_worker._gen.hub_pb2 import CallStatus, HubItem


def client_of(hub: RawMultiplexHub) -> Hub:
    return Hub(port=int(hub.address.split(":")[1]))


def worker_lost(to: Any) -> HubItem:
    told = AnyMessage()
    told.Pack(ErrorInfo(domain="gibbs", reason="WORKER_LOST", metadata={"execution": "UNKNOWN"}))
    return HubItem(id=to.id, status=CallStatus(code=10, message="its worker died", details=[told]))


async def test_a_timeout_without_a_hub_is_a_timeout():
    async with Hub(port=1) as client:
        with pytest.raises(asyncio.TimeoutError, match="no hub answers at") as caught:
            await client.request(1, gibbs_timeout=0.05, gibbs_retries=2)
        error = caught.value
        assert isinstance(error, GibbsTimeoutError)
        assert (error.code, error.reason) == ("DEADLINE_EXCEEDED", "NO_ANSWER")
        assert error.execution == "NOT_STARTED"
        assert isinstance(error.__cause__, GibbsError)
    async with Hub(port=1, connect_timeout=0.05) as client:
        with pytest.raises(GibbsError) as refused:
            await client.request(1, gibbs_timeout=60, gibbs_retries=2)
    assert refused.value.reason == "NOT_CONNECTED"


async def test_without_a_limit_it_waits_for_a_hub(unused_tcp_port):
    waiting = Hub(port=unused_tcp_port)
    request = asyncio.ensure_future(waiting.request(1, gibbs_timeout=0.01, gibbs_retries=-1))
    # Several times have passed when this one, which begins later and lasts longer, is over.
    with pytest.raises(asyncio.TimeoutError):
        await waiting.request(2, gibbs_timeout=0.1)
    assert not request.done()
    request.cancel()
    await waiting.close()


async def test_the_time_that_a_lost_worker_has_left_is_for_the_retry(multiplex_hub):
    async with client_of(multiplex_hub) as client:
        request = asyncio.ensure_future(client.request(1, gibbs_timeout=40, gibbs_retries=2))
        stream = await multiplex_hub.stream()
        times = []
        for _ in range(2):
            call = await stream.hear()
            times.append(call.call.timeout_ms)
            stream.send(worker_lost(call))
        last = await stream.hear()
        times.append(last.call.timeout_ms)
        stream.send(response(last, "done"))
        assert await within(request) == "done"
    first, second, third = times
    # All three together: what has passed since is less than one of them.
    assert 0 < first <= 40_000 < second <= 80_000 < third <= 120_000


async def test_without_a_limit_each_retry_has_the_same_time(multiplex_hub):
    async with client_of(multiplex_hub) as client:
        request = asyncio.ensure_future(client.request(1, gibbs_timeout=40, gibbs_retries=-1))
        stream = await multiplex_hub.stream()
        for _ in range(5):
            call = await stream.hear()
            assert 0 < call.call.timeout_ms <= 40_000
            stream.send(worker_lost(call))
        last = await stream.hear()
        stream.send(response(last, "done"))
        assert await within(request) == "done"
