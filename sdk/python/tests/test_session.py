"""What the contract demands of a worker, tested event by event against a scripted hub."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest
from raw_hub import WELCOME, answer_of, cancel, job

from gibbs_worker import GibbsError, current_job
from gibbs_worker._gen.worker_pb2 import (
    EXECUTION_NOT_STARTED,
    EXECUTION_UNKNOWN,
    HEARTBEAT_MODE_ALWAYS,
    Heartbeat,
    HubDrain,
    HubEvent,
    Job,
    MetadataEntry,
)


class Gate:
    """A handler that holds each job until the test opens the gate. Blocks its thread."""

    def __init__(self) -> None:
        self.entered: asyncio.Queue[Any] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._opened = threading.Event()

    def __call__(self, data: Any) -> Any:
        self._loop.call_soon_threadsafe(self.entered.put_nowait, data)
        assert self._opened.wait(60)
        return data

    def open(self) -> None:
        self._opened.set()


async def test_hello_first_then_credit_for_each_slot(raw_hub, serve):
    serve({"b": print, "a": print}, gibbs_hub=raw_hub.address, gibbs_slots=3, gibbs_name="model")
    session = await raw_hub.session()
    hello = (await session.hear("hello")).hello
    assert session.said[0] == "hello"
    assert (await session.hear("ready")).ready.slots == 3
    assert [method.name for method in hello.methods] == ["b", "a"]
    assert hello.heartbeat_mode == HEARTBEAT_MODE_ALWAYS
    assert len(hello.instance_id) == 16
    assert hello.name == "model"
    assert hello.sdk.startswith("gibbs-py/")


async def test_a_result_comes_before_the_ready_that_returns_its_slot(raw_hub, serve):
    serve(lambda x: x + 1, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(7, 41))
    result = await session.hear("result")
    assert result.result.job_id == 7
    assert answer_of(result) == 42
    assert (await session.hear("ready")).ready.slots == 1
    assert session.said == ["hello", "ready", "result", "ready"]


async def test_batched_unknown_and_repeated_events(raw_hub, serve):
    serve(lambda x: x, gibbs_hub=raw_hub.address, gibbs_slots=2)
    session = await raw_hub.session()
    await session.greet()
    unknown_event = b"\x0a\x04\xfa\x3e\x01x"  # Field 1003 in an event.
    unknown_field = b"\xf8\x3e\x05"
    await session.send(
        cancel(99), HubEvent(), HubEvent(welcome=WELCOME), job(1, "a"), job(2, "b"),
        raw=unknown_event + unknown_field,
    )  # fmt: skip
    answers = {answer_of(await session.hear("result")) for _ in range(2)}
    assert answers == {"a", "b"}


async def test_heartbeats_are_echoed_while_every_slot_blocks(raw_hub, serve):
    gate = Gate()
    serve(gate, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "x"))
    await gate.entered.get()
    for _ in range(3):
        await session.send(HubEvent(heartbeat=Heartbeat()))
        await session.hear("heartbeat")
    assert "result" not in session.said
    gate.open()
    assert answer_of(await session.hear("result")) == "x"


async def test_a_job_knows_of_itself(raw_hub, serve):
    def tell(data: Any) -> Any:
        job = current_job()
        told = [job.method, job.attempt, job.request_id, job.timeout, job.metadata["traceparent"]]
        return [*told, len(job.metadata["x-bin"]), data]

    serve(tell, gibbs_hub=raw_hub.address, gibbs_method="tell")
    session = await raw_hub.session()
    await session.greet()
    metadata = [
        MetadataEntry(key="traceparent", value=b"00-ab"),
        MetadataEntry(key="x-bin", value=b"\xff\x00"),
    ]
    fields = {"method": "tell", "attempt": 2, "request_id": "r", "timeout_ms": 5000}
    await session.send(job(1, [None, True, 1.5, {"a": []}], metadata=metadata, **fields))
    told = answer_of(await session.hear("result"))
    assert told == ["tell", 2, "r", 5, "00-ab", 2, [None, True, 1.5, {"a": []}]]


async def test_bytes_stay_bytes(raw_hub, serve):
    serve(lambda data: memoryview(data)[::-1], gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, b"\x00\x01"))
    assert answer_of(await session.hear("result")) == b"\x01\x00"


async def test_undecodable_input_ends_its_own_job(raw_hub, serve):
    serve(lambda x: x, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    # A string that is not valid UTF-8.
    await session.send(HubEvent(job=Job(job_id=1, payload=b"\x0a\x03\x1a\x01\xff")))
    failure = (await session.hear("result")).result.failure
    assert failure.reason == "MALFORMED"
    await session.hear("ready")
    await session.send(job(2, 5))
    assert answer_of(await session.hear("result")) == 5


async def test_a_result_beyond_the_hubs_limit(raw_hub, serve):
    serve(lambda size: "x" * size, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet(max_payload_bytes=1000)
    await session.send(job(1, 1000))
    assert (await session.hear("result")).result.failure.reason == "RESULT_TOO_LARGE"
    await session.hear("ready")
    await session.send(job(2, 900))
    assert len(answer_of(await session.hear("result"))) == 900


async def test_a_large_result_is_announced(raw_hub, serve):
    serve(lambda size: b"x" * size, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, 300_000))
    assert (await session.hear("heartbeat")).heartbeat.pending_bytes > 300_000
    assert len(answer_of(await session.hear("result"))) == 300_000


async def test_errors_become_failures(raw_hub, serve):
    def fail(how: str) -> None:
        if how == "declared":
            raise GibbsError("NOT_FOUND", "no page", retry_after=1.5)
        raise KeyError("page")

    serve(fail, gibbs_hub=raw_hub.address, gibbs_send_tracebacks=True)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "declared"))
    declared = (await session.hear("result")).result.failure
    assert (declared.code, declared.message, declared.reason) == (5, "no page", "")
    assert declared.details[0].type_url.endswith("google.rpc.RetryInfo")
    await session.hear("ready")
    await session.send(job(2, "other"))
    other = (await session.hear("result")).result.failure
    assert (other.code, other.type, other.message) == (0, "KeyError", "'page'")
    assert 'raise KeyError("page")' in other.stack


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_cancel_reaches_the_handler_and_the_job_still_ends(raw_hub, serve, is_async):
    started, cancelled = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def blocks(_: Any) -> None:
        loop.call_soon_threadsafe(started.set)
        assert current_job().wait_cancelled(60)
        loop.call_soon_threadsafe(cancelled.set)

    async def waits(_: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert current_job().cancel_reason == "nobody waits"
            cancelled.set()
            raise

    serve(waits if is_async else blocks, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1))
    await started.wait()
    await session.send(cancel(1))
    await cancelled.wait()
    assert (await session.hear("result")).result.job_id == 1
    await session.hear("ready")
    # A cancel that crosses the job's result.
    await session.send(cancel(1), HubEvent(heartbeat=Heartbeat()))
    await session.hear("heartbeat")


async def test_the_end_of_the_time_is_a_cancel(raw_hub, serve):
    def wait(_: Any) -> bool:
        return current_job().wait_cancelled(60)

    serve(wait, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, timeout_ms=50))
    assert answer_of(await session.hear("result")) is True


async def test_a_method_that_is_not_served_is_given_back(raw_hub, serve):
    serve(lambda x: x, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, method="other"))
    assert (await session.hear("nack")).nack.execution == EXECUTION_NOT_STARTED
    assert (await session.hear("ready")).ready.slots == 1


async def test_a_job_without_a_free_slot_is_held_and_then_given_back(raw_hub, serve):
    gate = Gate()
    serve(gate, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, 1), job(2, 2))
    nack = (await session.hear("nack")).nack
    assert (nack.job_id, nack.execution) == (2, EXECUTION_NOT_STARTED)
    gate.open()
    assert answer_of(await session.hear("result")) == 1


async def test_a_lost_stream_orphans_its_jobs(raw_hub, serve):
    gate = Gate()
    serve(gate, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    first = await session.greet()
    await session.send(job(1, "old"))
    await gate.entered.get()
    session.end(grpc.StatusCode.UNAVAILABLE)

    again = await raw_hub.session()
    hello = await again.hear("hello")
    assert hello.hello.instance_id == first.hello.instance_id
    await again.send(HubEvent(welcome=WELCOME), HubEvent(heartbeat=Heartbeat()))
    await again.hear("heartbeat")
    # The handler is still running, so there is no credit.
    assert again.said == ["hello", "heartbeat"]
    gate.open()
    await again.hear("ready")
    await again.send(job(1, "new"))
    # Any result for job 1 is now the new job's.
    assert answer_of(await again.hear("result")) == "new"


async def test_a_lost_stream_cancels_its_handlers(raw_hub, serve):
    reasons: asyncio.Queue[str] = asyncio.Queue()

    async def wait(_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            reasons.put_nowait(current_job().cancel_reason or "")

    serve(wait, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1), HubEvent(heartbeat=Heartbeat()))
    await session.hear("heartbeat")
    session.end(grpc.StatusCode.UNAVAILABLE)
    assert await reasons.get() == "the connection to the hub was lost"
    again = await raw_hub.session()
    assert (await again.hear("ready")).ready.slots == 1


async def test_a_silent_hub_is_left(raw_hub, serve):
    serve(print, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet(hub_timeout_ms=200)
    await (await raw_hub.session()).hear("hello")


async def test_a_hub_that_never_welcomes_is_left(raw_hub, serve):
    serve(print, gibbs_hub=raw_hub.address, gibbs_connect_timeout=0.2)
    await raw_hub.session()
    await (await raw_hub.session()).hear("hello")


async def test_an_unavailable_hub_is_dialled_again_and_again(raw_hub, serve):
    serving = serve(print, gibbs_hub=raw_hub.address)
    for _ in range(3):
        session = await raw_hub.session()
        session.end(grpc.StatusCode.UNAVAILABLE)
    await (await raw_hub.session()).greet()
    await serving.connected.wait()


@pytest.mark.parametrize(
    "code",
    ["UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_ARGUMENT", "FAILED_PRECONDITION"],
)
async def test_a_final_status_stops_the_worker(raw_hub, serve, code):
    serving = serve(print, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    session.end(grpc.StatusCode[code], "go away")
    with pytest.raises(GibbsError, match="refused this worker: go away") as caught:
        await serving.ended
    assert caught.value.code == code


async def test_what_is_no_hub_stops_the_worker(serve):
    server = grpc.aio.server()
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    with pytest.raises(GibbsError, match=r"is .* a gibbs hub") as caught:
        await serve(print, gibbs_hub=address).ended
    assert caught.value.code == "UNIMPLEMENTED"
    await server.stop(None)


async def test_a_drain_finishes_the_job_and_gives_back_what_crosses_it(raw_hub, serve):
    gate = Gate()
    serving = serve(gate, gibbs_hub=raw_hub.address, gibbs_slots=2)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "a"))
    await gate.entered.get()
    serving.worker.drain()
    await session.hear("drain")
    await session.send(job(2, "b"))
    nack = (await session.hear("nack")).nack
    assert (nack.job_id, nack.execution) == (2, EXECUTION_NOT_STARTED)
    gate.open()
    assert answer_of(await session.hear("result")) == "a"
    assert not serving.ended.done()
    session.end()
    await serving.ended
    assert session.said.count("ready") == 1


async def test_a_drain_does_not_wait_for_ever(raw_hub, serve):
    gate = Gate()
    serving = serve(gate, gibbs_hub=raw_hub.address, gibbs_drain_timeout=0.1)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1))
    await gate.entered.get()
    serving.worker.drain()
    await serving.ended
    gate.open()


async def test_a_hub_that_drains_is_dialled_again(raw_hub, serve):
    gate = Gate()
    serving = serve(gate, gibbs_hub=raw_hub.address, gibbs_slots=2)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "a"))
    await gate.entered.get()
    await session.send(HubEvent(drain=HubDrain(reconnect_after_ms=100)), job(2))
    assert (await session.hear("nack")).nack.job_id == 2
    gate.open()
    assert answer_of(await session.hear("result")) == "a"
    session.end()
    again = await raw_hub.session()
    await again.greet()
    assert not serving.ended.done()


async def test_a_hub_can_tell_its_workers_to_exit(raw_hub, serve):
    serving = serve(print, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(HubEvent(drain=HubDrain(exit=True)))
    session.end()
    await serving.ended


class Suicidal:
    """Kills its process when told to."""

    def __call__(self, data: Any) -> Any:
        if data == "die":
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
        if data == "block":
            while True:
                pass
        return data


async def test_a_process_that_dies_loses_its_own_job_and_is_replaced(raw_hub, serve):
    serve(Suicidal, gibbs_hub=raw_hub.address, gibbs_isolation="process", gibbs_count=1)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "die"))
    nack = (await session.hear("nack")).nack
    assert nack.execution == EXECUTION_UNKNOWN
    assert "killed by signal 9" in nack.reason
    assert (await session.hear("ready")).ready.slots == 1
    await session.send(job(2, "alive"))
    assert answer_of(await session.hear("result")) == "alive"


async def test_a_process_that_ignores_its_cancel_is_killed(raw_hub, serve):
    options = {"gibbs_isolation": "process", "gibbs_kill_grace": 0.1}
    serve(Suicidal, gibbs_hub=raw_hub.address, **options)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "block"), cancel(1))
    assert (await session.hear("nack")).nack.execution == EXECUTION_UNKNOWN
    await session.hear("ready")
