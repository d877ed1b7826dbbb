"""Connections that go away: another stream takes over, and no job is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
import pytest_asyncio
from going_away import ANY_STREAM, GoingAwayProxy
from raw_hub import WELCOME, answer_of, job

from gibbs_worker import Client, current_job
from gibbs_worker._gen.worker_pb2 import EXECUTION_NOT_STARTED, Heartbeat, HubDrain, HubEvent


class Gate:
    """An async handler that holds each job until the test opens its gate."""

    def __init__(self) -> None:
        self.entered: asyncio.Queue[Any] = asyncio.Queue()
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self._gates: dict[Any, asyncio.Event] = {}

    async def __call__(self, data: Any) -> Any:
        gate = self._gates.setdefault(data, asyncio.Event())
        self.entered.put_nowait(data)
        try:
            await gate.wait()
        except asyncio.CancelledError:
            self.cancelled.put_nowait(current_job().cancel_reason or "")
            raise
        return data

    def open(self, data: Any) -> None:
        self._gates.setdefault(data, asyncio.Event()).set()


@pytest_asyncio.fixture
async def proxy(raw_hub):
    proxy = GoingAwayProxy(raw_hub.address)
    await proxy.start()
    yield proxy
    await proxy.stop()


async def heard_heartbeat(session: Any) -> None:
    """Waits until the worker has handled everything sent before."""
    await session.send(HubEvent(heartbeat=Heartbeat()))
    await session.hear("heartbeat")


async def running(raw_hub, proxy, gate):
    """Returns the connection and the session of a worker, once job 1 runs there."""
    connection = await proxy.connection()
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "a"))
    await gate.entered.get()
    return connection, session


async def test_a_connection_that_goes_away_hands_over(raw_hub, proxy, serve):
    gate = Gate()
    serve(gate, gibbs_hub=proxy.address, gibbs_slots=2, gibbs_worker_id="w")
    connection = await proxy.connection()
    old = await raw_hub.session()
    first = (await old.greet()).hello
    await old.send(job(1, "a"))
    await gate.entered.get()
    connection.go_away()

    new = await raw_hub.session()
    second = (await new.hear("hello")).hello
    assert second.instance_id != first.instance_id
    assert len(second.instance_id) == 16
    second.instance_id = first.instance_id
    assert second == first
    # Until the new stream is welcomed, the old one has the slots.
    await heard_heartbeat(old)
    assert "drain" not in old.said
    assert new.said == ["hello"]
    await new.send(HubEvent(welcome=WELCOME))
    await old.hear("drain")
    assert (await new.hear("ready")).ready.slots == 1
    # A job that crosses the drain.
    await old.send(job(2, "late"))
    nack = (await old.hear("nack")).nack
    assert (nack.job_id, nack.execution) == (2, EXECUTION_NOT_STARTED)
    # The second GOAWAY names the last stream that is served.
    connection.go_away(1)
    await new.send(job(1, "b"))
    assert await gate.entered.get() == "b"
    gate.open("a")
    result = await old.hear("result")
    assert (result.result.job_id, answer_of(result)) == (1, "a")
    assert (await new.hear("ready")).ready.slots == 1
    old.end()
    connection.cut()
    gate.open("b")
    assert answer_of(await new.hear("result")) == "b"
    assert (await new.hear("ready")).ready.slots == 1
    assert old.said.count("ready") == 1


async def test_a_connection_that_is_cut_before_its_jobs_end_loses_them(raw_hub, proxy, serve):
    gate = Gate()
    serve(gate, gibbs_hub=proxy.address)
    connection, old = await running(raw_hub, proxy, gate)
    connection.go_away()
    new = await raw_hub.session()
    await new.hear("hello")
    await new.send(HubEvent(welcome=WELCOME))
    await old.hear("drain")
    assert "ready" not in new.said
    connection.cut()
    assert await gate.cancelled.get() == "the connection to the hub was lost"
    assert (await new.hear("ready")).ready.slots == 1
    assert "result" not in new.said


async def test_a_successor_that_goes_away_hands_over_as_well(raw_hub, proxy, serve):
    gate = Gate()
    serve(gate, gibbs_hub=proxy.address, gibbs_slots=3)
    sessions, instances = [], set()
    for data in ("a", "b", "c"):
        connection = await proxy.connection()
        sessions.append(await raw_hub.session())
        instances.add((await sessions[-1].hear("hello")).hello.instance_id)
        await sessions[-1].send(HubEvent(welcome=WELCOME))
        assert (await sessions[-1].hear("ready")).ready.slots == 4 - len(sessions)
        await sessions[-1].send(job(7, data))
        assert await gate.entered.get() == data
        connection.go_away()
        # Repeated, as some proxies do.
        connection.go_away()
    assert len(instances) == 3
    last = await raw_hub.session()
    await last.hear("hello")
    await last.send(HubEvent(welcome=WELCOME))
    for session, data in zip(sessions, ("a", "b", "c")):
        await session.hear("drain")
        gate.open(data)
        assert answer_of(await session.hear("result")) == data
        assert (await last.hear("ready")).ready.slots == 1
        session.end()


async def test_a_successor_that_cannot_connect_leaves_the_slots_where_they_are(
    raw_hub, proxy, serve
):
    gate = Gate()
    gate.open("a")
    serve(gate, gibbs_hub=proxy.address)
    connection = await proxy.connection()
    old = await raw_hub.session()
    await old.greet()
    proxy.refusing = True
    connection.go_away()
    await proxy.refused.get()
    await proxy.refused.get()
    await old.send(job(1, "a"))
    assert answer_of(await old.hear("result")) == "a"
    assert (await old.hear("ready")).ready.slots == 1
    proxy.refusing = False
    new = await raw_hub.session()
    await new.hear("hello")
    await new.send(HubEvent(welcome=WELCOME))
    await old.hear("drain")
    assert (await new.hear("ready")).ready.slots == 1


async def test_a_refused_successor_lets_the_old_stream_finish(raw_hub, proxy, serve):
    gate = Gate()
    serving = serve(gate, gibbs_hub=proxy.address)
    connection, old = await running(raw_hub, proxy, gate)
    connection.go_away()
    (await raw_hub.session()).end(grpc.StatusCode.PERMISSION_DENIED, "go away")
    await old.hear("drain")
    gate.open("a")
    assert answer_of(await old.hear("result")) == "a"
    assert not serving.ended.done()
    old.end()
    with pytest.raises(Exception, match="refused this worker: go away"):
        await serving.ended


@pytest.mark.parametrize("welcomed", [False, True])
async def test_a_worker_that_is_told_to_drain_drains_every_stream(raw_hub, proxy, serve, welcomed):
    gate = Gate()
    serving = serve(gate, gibbs_hub=proxy.address, gibbs_slots=2)
    connection, old = await running(raw_hub, proxy, gate)
    connection.go_away()
    new = await raw_hub.session()
    await new.hear("hello")
    if welcomed:
        await new.send(HubEvent(welcome=WELCOME))
        await new.hear("ready")
    serving.worker.drain()
    await old.hear("drain")
    if welcomed:
        await new.hear("drain")
        new.end()
    gate.open("a")
    assert answer_of(await old.hear("result")) == "a"
    assert not serving.ended.done()
    old.end()
    await serving.ended


async def test_a_goaway_without_a_last_stream_loses_the_stream(raw_hub, proxy, serve):
    gate = Gate()
    serve(gate, gibbs_hub=proxy.address)
    connection = await proxy.connection()
    old = await raw_hub.session()
    first = await old.greet()
    await old.send(job(1, "a"))
    await gate.entered.get()
    # Nothing that the client sent will be answered.
    connection.go_away(0)
    assert await gate.cancelled.get() == "the connection to the hub was lost"
    again = await raw_hub.session()
    assert (await again.hear("hello")).hello.instance_id == first.hello.instance_id
    assert (await again.hear("ready")).ready.slots == 1


async def test_a_cut_without_a_goaway_is_a_loss(raw_hub, proxy, serve):
    serve(Gate(), gibbs_hub=proxy.address)
    connection = await proxy.connection()
    first = await (await raw_hub.session()).greet()
    connection.cut()
    again = await raw_hub.session()
    # It supersedes the broken stream, of which the hub may not know yet.
    assert (await again.greet()).hello.instance_id == first.hello.instance_id


async def test_a_goaway_of_a_draining_hub_waits_for_its_end(raw_hub, proxy, serve):
    gate = Gate()
    serve(gate, gibbs_hub=proxy.address)
    connection = await proxy.connection()
    old = await raw_hub.session()
    first = await old.greet()
    await old.send(job(1, "a"))
    await gate.entered.get()
    await old.send(HubEvent(drain=HubDrain(reconnect_after_ms=10)))
    connection.go_away()
    gate.open("a")
    assert answer_of(await old.hear("result")) == "a"
    old.end()
    again = await raw_hub.session()
    assert (await again.greet()).hello.instance_id == first.hello.instance_id


async def test_no_request_is_lost_behind_a_proxy_that_goes_away_again_and_again(hub, serve):
    proxy = GoingAwayProxy(hub.address)
    await proxy.start()
    gate = Gate()
    serve(gate, gibbs_hub=proxy.address, gibbs_slots=8)
    await hub.heard("worker connected")
    async with Client(hub.address, connect_timeout=20) as client:
        for round_ in range(4):
            connection = await proxy.connection()
            names = [f"{round_}.{n}" for n in range(4)]
            requests = [asyncio.ensure_future(client.request_with_info(name)) for name in names]
            for _ in names:
                await gate.entered.get()
            connection.go_away(ANY_STREAM if round_ % 2 == 0 else 1)
            # These may meet either stream.
            more = [f"{round_}.{n}" for n in range(4, 8)]
            requests += [asyncio.ensure_future(client.request_with_info(name)) for name in more]
            for name in names + more:
                gate.open(name)
            for name, request in zip(names + more, requests):
                answer = await request
                assert (answer.output, answer.attempts) == (name, 1)
            for _ in more:
                await gate.entered.get()
            await hub.heard("worker connected")
            await hub.heard("worker left")
            connection.cut()
    await proxy.stop()
