"""`map` of both clients, with a real hub. One list of cases for both."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from gibbs_worker import Client, GibbsError, SyncClient, UserCodeException

Collect = Callable[..., Any]


@pytest.fixture
def hub(shared_hub):
    return shared_hub


@pytest.fixture(params=["async", "async unary", "sync"])
async def collect(hub, request) -> AsyncIterator[Collect]:
    """Maps inputs, and returns the answers, at most `most` of them."""
    kind, _, transport = request.param.partition(" ")
    how: Any = transport or "multiplex"
    if kind == "async":
        async with Client(hub.address, transport=how) as client:

            async def collect(inputs: Any, most: int = 10**9, **options: Any) -> list[Any]:
                answers = []
                if most == 0:
                    return []
                async for answer in client.map(inputs, **options):
                    answers.append(answer)
                    if len(answers) == most:
                        break
                return answers

            yield collect
        return
    with SyncClient(hub.address) as sync_client:

        def collect_sync(inputs: Any, most: int = 10**9, **options: Any) -> list[Any]:
            return list(itertools.islice(sync_client.map(inputs, **options), most))

        async def collect_in_thread(*args: Any, **options: Any) -> list[Any]:
            return await asyncio.to_thread(collect_sync, *args, **options)

        yield collect_in_thread


class Gates:
    """A handler whose answers wait for the test."""

    def __init__(self) -> None:
        self.entered: list[Any] = []
        self.cancelled: list[Any] = []
        self.changed = asyncio.Event()
        self.open: set[Any] = set()

    async def __call__(self, x: Any) -> Any:
        self.entered.append(x)
        self.changed.set()
        try:
            await self.until(lambda: x in self.open)
        except asyncio.CancelledError:
            self.cancelled.append(x)
            raise
        finally:
            self.changed.set()
        if x == "fail":
            raise ValueError("bad input")
        return x

    def let(self, *inputs: Any) -> None:
        self.open.update(inputs)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()
            # All who wait are to see it.
            await asyncio.sleep(0)


class Inputs:
    """Endless numbers, which count what was read of them."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Inputs:
        return self

    def __next__(self) -> int:
        self.read += 1
        return self.read


async def test_answers_come_in_the_order_of_the_inputs(hub, collect, serve):
    gates = Gates()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=4)
    answers = asyncio.ensure_future(collect([1, 2, 3, 4], concurrency=4))
    await gates.until(lambda: len(gates.entered) == 4)
    gates.let(4, 3, 2)
    gates.let(1)
    assert await answers == [1, 2, 3, 4]


async def test_or_as_they_arrive(hub, collect, serve):
    gates = Gates()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=4)
    answers = asyncio.ensure_future(collect([1, 2, 3], most=2, ordered=False))
    await gates.until(lambda: len(gates.entered) == 3)
    gates.let(2, 3)
    assert sorted(await answers) == [2, 3]
    # It was left: the last one is cancelled.
    await gates.until(lambda: gates.cancelled == [1])


async def test_no_more_than_its_concurrency_is_read(hub, collect, serve):
    gates, inputs = Gates(), Inputs()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=64)
    answers = asyncio.ensure_future(collect(inputs, most=3, concurrency=5))
    await gates.until(lambda: len(gates.entered) == 5)
    assert inputs.read == 5
    gates.let(1, 2, 3)
    assert await answers == [1, 2, 3]
    await gates.until(lambda: len(gates.cancelled) >= 2)
    assert inputs.read <= 8
    assert not set(gates.cancelled) & {1, 2, 3}


async def test_the_first_failure_ends_it_and_cancels_the_rest(hub, collect, serve):
    gates = Gates()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=4)
    answers = asyncio.ensure_future(collect([1, "fail", 3]))
    await gates.until(lambda: len(gates.entered) == 3)
    gates.let("fail")
    with pytest.raises(UserCodeException, match="bad input"):
        await answers
    await gates.until(lambda: sorted(gates.cancelled) == [1, 3])


async def test_inputs_that_fail(hub, collect, serve):
    serve(lambda x: x, gibbs_hub=hub.address)

    def broken() -> Iterable[int]:
        yield 1
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        await collect(broken())
    with pytest.raises(TypeError, match="set cannot be sent"):
        await collect([1, {2}])
    with pytest.raises(TypeError, match="not iterable"):
        await collect(5)


async def test_no_inputs(collect):
    assert await collect([]) == []


async def test_options_reach_each_request(hub, collect, serve):
    serve({"double": lambda x: 2 * x}, gibbs_hub=hub.address)
    assert await collect([1, 2], gibbs_method="double", gibbs_timeout=30) == [2, 4]
    for options in ({"gibbs_request_id": "r"}, {"key": 1}):
        with pytest.raises(TypeError, match="is not an option of map"):
            await collect([1], **options)
    with pytest.raises(TypeError, match="gibbs_nonsense is not an option"):
        await collect([1], gibbs_nonsense=1)
    for concurrency in (0, 1.5, 1_000_001, True):
        with pytest.raises(ValueError, match="concurrency must be"):
            await collect([1], concurrency=concurrency)


async def test_more_inputs_than_slots(hub, collect, serve):
    serve(lambda x: -x, gibbs_hub=hub.address, gibbs_slots=8)
    assert await collect(range(1000)) == [-x for x in range(1000)]


async def test_inputs_that_arrive_over_time(hub, client, serve):
    serve(lambda x: x, gibbs_hub=hub.address)
    arrived: asyncio.Queue[int] = asyncio.Queue()
    closed = asyncio.Event()

    async def inputs() -> AsyncIterator[int]:
        try:
            while True:
                yield await arrived.get()
        finally:
            closed.set()

    answers = client.map(inputs())
    for x in range(3):
        arrived.put_nowait(x)
        # Answers do not wait for further inputs.
        assert await answers.__anext__() == x
    await answers.aclose()
    assert closed.is_set()


async def test_an_iterator_that_is_abandoned_half_way(hub, client, serve):
    gates = Gates()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=4)
    gates.let(1)
    answers = client.map([1, 2, 3])
    assert await answers.__anext__() == 1
    await gates.until(lambda: len(gates.entered) == 3)
    del answers
    gc.collect()
    await gates.until(lambda: sorted(gates.cancelled) == [2, 3])


async def test_a_sync_iterator_that_is_abandoned_half_way(hub, serve):
    gates = Gates()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=4)
    gates.let(1)
    with SyncClient(hub.address) as client:
        answers = client.map([1, 2, 3])
        assert await asyncio.to_thread(next, answers) == 1
        await gates.until(lambda: len(gates.entered) == 3)
        del answers
        gc.collect()
        await gates.until(lambda: sorted(gates.cancelled) == [2, 3])


async def test_a_client_that_is_closed_under_a_map(hub, collect, serve):
    """The map ends with the error of its requests."""
    gates = Gates()
    serve(gates, gibbs_hub=hub.address, gibbs_slots=4)
    client = SyncClient(hub.address)
    answers = asyncio.ensure_future(asyncio.to_thread(list, client.map([1, 2, 3])))
    await gates.until(lambda: len(gates.entered) == 3)
    await asyncio.to_thread(client.close)
    with pytest.raises(GibbsError) as caught:
        await answers
    assert caught.value.reason == "CLIENT_CLOSED"


async def test_a_sync_map_takes_no_async_inputs(hub):
    async def inputs() -> AsyncIterator[int]:
        yield 1

    with SyncClient(hub.address) as client, pytest.raises(TypeError, match="not iterable"):
        client.map(inputs())  # type: ignore[arg-type]
