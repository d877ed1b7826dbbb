"""Clients for code that is not async, with a real hub."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gibbs_worker import GibbsError, GibbsTimeoutError, SyncClient, UserCodeException


@pytest.fixture
def hub(shared_hub):
    return shared_hub


@pytest.fixture(params=["multiplex", "unary"])
def client(hub, request) -> Iterator[SyncClient]:
    with SyncClient(hub.address, transport=request.param) as client:
        yield client


async def test_requests_of_32_threads(hub, client, serve):
    serve(lambda x: x * 2, gibbs_hub=hub.address, gibbs_slots=8)
    everyone = threading.Barrier(32)

    def ask(number: int) -> list[Any]:
        everyone.wait(30)
        return [client.request(number * 100 + x) for x in range(20)]

    # Not by the loop's own threads: there may be fewer.
    answers: dict[int, list[Any]] = {}
    threads = [threading.Thread(target=lambda n=n: answers.update({n: ask(n)})) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert answers == {n: [(n * 100 + x) * 2 for x in range(20)] for n in range(32)}


async def test_what_a_caller_is_told(hub, client, serve):
    def handler(how: str) -> Any:
        raise ValueError(how)

    serve(handler, gibbs_hub=hub.address, gibbs_worker_id="w")
    with pytest.raises(UserCodeException, match="bad page") as caught:
        await asyncio.to_thread(client.request, "bad page", gibbs_request_id="r1")
    assert (caught.value.reason, caught.value.request_id) == ("HANDLER_ERROR", "r1")
    with pytest.raises(GibbsError) as queued:
        await asyncio.to_thread(client.request, 1, gibbs_method="nobody", gibbs_queue_timeout=0.1)
    assert (queued.value.reason, queued.value.execution) == ("QUEUE_TIMEOUT", "NOT_STARTED")
    with pytest.raises(GibbsTimeoutError):
        await asyncio.to_thread(client.request, 1, gibbs_method="nobody", gibbs_timeout=0.1)
    with pytest.raises(TypeError, match="set cannot be sent"):
        client.request({1})
    with pytest.raises(TypeError, match="gibbs_tiemout is not an option"):
        client.request(1, gibbs_tiemout=3)
    with pytest.raises(ValueError, match="gibbs_timeout"):
        client.request(1, gibbs_timeout=-1)


async def test_an_answer_with_its_info(hub, client, serve):
    serve(len, gibbs_hub=hub.address, gibbs_worker_id="w")
    answer = await asyncio.to_thread(client.request_with_info, "four")
    assert (answer.output, answer.worker_id, answer.attempts) == (4, "w", 1)


async def test_in_a_thread_with_a_running_loop(hub, client, serve):
    """As in a notebook: its cells are run by a loop."""
    serve(len, gibbs_hub=hub.address, gibbs_isolation="process")
    await hub.heard("worker connected")

    async def cell() -> Any:
        return client.request("four")

    assert await asyncio.to_thread(asyncio.run, cell()) == 4


async def test_close_ends_what_is_in_flight_and_a_later_request_reconnects(hub, client, serve):
    entered = threading.Event()

    async def handler(how: str) -> str:
        if how == "hang":
            entered.set()
            await asyncio.Event().wait()
        return how

    serve(handler, gibbs_hub=hub.address, gibbs_slots=2)
    hanging = asyncio.ensure_future(asyncio.to_thread(client.request, "hang"))
    await asyncio.to_thread(entered.wait)
    await asyncio.to_thread(client.close)
    with pytest.raises(GibbsError) as caught:
        await hanging
    assert (caught.value.code, caught.value.reason) == ("CANCELLED", "CLIENT_CLOSED")
    assert caught.value.execution == "UNKNOWN"
    client.close()
    assert await asyncio.to_thread(client.request, "again") == "again"


async def test_close_beside_requests_of_many_threads(hub, client, serve):
    serve(lambda x: x, gibbs_hub=hub.address, gibbs_slots=32)
    outcomes: list[Any] = []

    def ask() -> None:
        for x in range(50):
            try:
                outcomes.append(client.request(x) == x)
            except GibbsError as error:
                outcomes.append(error.reason == "CLIENT_CLOSED")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        await asyncio.to_thread(client.close)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert outcomes == [True] * 400


def test_no_hub():
    with (
        SyncClient("127.0.0.1:1", connect_timeout=0.2) as client,
        pytest.raises(GibbsError, match="is one running there") as caught,
    ):
        client.request(1)
    assert (caught.value.reason, caught.value.execution) == ("NOT_CONNECTED", "NOT_STARTED")


async def test_a_forgotten_client_ends_its_thread(hub, serve):
    serve(len, gibbs_hub=hub.address)
    client = SyncClient(hub.address)
    assert await asyncio.to_thread(client.request, "four") == 4
    (thread,) = [one for one in threading.enumerate() if one.name == "gibbs-client"]
    del client
    gc.collect()
    await asyncio.to_thread(thread.join)


def test_invalid_options():
    with pytest.raises(ValueError, match='transport is "multiplex" or "unary"'):
        SyncClient(transport="carrier pigeon")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is not an address"):
        SyncClient("nowhere")
    with pytest.raises(ValueError, match="connect_timeout"):
        SyncClient(connect_timeout=-1)
