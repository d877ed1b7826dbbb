"""A worker with one slot whose handler's thread reads the stream itself between quick jobs."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import struct
import threading
from typing import Any

import grpc
import pytest
from going_away import GoingAwayProxy
from raw_hub import WELCOME, RawSession, answer_of, cancel, job
from raw_multiplex import RawStream, within

from gibbs_worker import Worker, child, current_job, http2
from gibbs_worker._gen.worker_pb2 import (
    EXECUTION_NOT_STARTED,
    Heartbeat,
    HubDrain,
    HubEvent,
    Job,
    WorkerEvent,
    WorkRequest,
    WorkResponse,
)
from gibbs_worker.executor import InProcess, Limits
from gibbs_worker.handlers import Target
from gibbs_worker.lead import Lead
from gibbs_worker.pipe import Pipe

numbers = itertools.count(1000)


def lead_of(worker: Worker) -> Any:
    assert worker._life is not None
    return worker._life._streams[-1]._connection._lead


async def lent(session: RawSession, worker: Worker) -> None:
    """Sends quick jobs until the handler's thread reads the stream."""
    while not lead_of(worker)._is_lent:
        await session.send(job(next(numbers), "quick"))
        assert answer_of(await session.hear("result")) == "quick"
        await session.hear("ready")
        # The loop that wrote those now lends it.
        await asyncio.sleep(0)


class Handler:
    """Returns what it is given, unless that names something else."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.entered: asyncio.Queue[str] = asyncio.Queue()
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.opened = threading.Event()
        self.threads: set[int] = set()

    def __call__(self, data: Any) -> Any:
        self.threads.add(threading.get_ident())
        if data == "raise":
            raise KeyError(data)
        if data == "large":
            return bytes(300_000)
        if data == "await":
            return self.answer_later()
        if data == "block":
            self._tell(self.entered, data)
            assert self.opened.wait(60)
        if data == "wait":
            self._tell(self.entered, data)
            assert current_job().wait_cancelled(60)
            self._tell(self.cancelled, current_job().cancel_reason or "")
        return data

    async def answer_later(self) -> str:
        await asyncio.sleep(0)
        return f"later {current_job().request_id}"

    def _tell(self, queue: asyncio.Queue[str], word: str) -> None:
        self._loop.call_soon_threadsafe(queue.put_nowait, word)


@pytest.fixture
async def handler():
    handler = Handler()
    yield handler
    handler.opened.set()


@pytest.fixture
async def led(raw_hub, serve, handler):
    """Returns a worker and its session, which the handler's thread reads."""
    serving = serve(handler, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await lent(session, serving.worker)
    return serving, session


class WorkStream(RawStream):
    """A worker's stream, on a connection on which the hub sends nothing that a test does not."""

    def _on_message(self, message: bytes) -> None:
        for event in WorkRequest.FromString(message).events:
            self.events.put_nowait(event)

    async def accept(self) -> None:
        self.events: asyncio.Queue[WorkerEvent] = asyncio.Queue()
        await within(self.opened.wait())
        self.write(http2.settings({}))
        self.write(self.header_frame({":status": "200", "content-type": "application/grpc"}))
        for kind in ("hello", "ready"):
            assert (await within(self.events.get())).WhichOneof("event") == kind
        self.tell(HubEvent(welcome=WELCOME))

    def tell(self, *events: HubEvent) -> None:
        self.write(http2.data_frame(WorkResponse(events=events).SerializeToString()))

    async def echoed(self, n: int) -> None:
        """Has one job answered."""
        self.tell(job(n, n))
        result, ready = [await within(self.events.get()) for _ in range(2)]
        assert (result.result.job_id, answer_of(result), ready.ready.slots) == (n, n, 1)


async def test_a_quick_job_does_not_need_the_loop():
    accepted: asyncio.Queue[WorkStream] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(WorkStream(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    worker = Worker(lambda data: data, gibbs_hub=f"127.0.0.1:{port}")
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    stream = await within(accepted.get())
    reading = asyncio.ensure_future(stream.read())
    await stream.accept()
    stopped, goes_on = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        assert goes_on.wait(10)

    lead = lead_of(worker)
    lend = lead.lend
    # The loop stops as soon as it has lent the stream.
    lead.lend = lambda: (lend(), lead._is_lent and lead._loop.call_soon(stop))
    await stream.echoed(1)
    assert await asyncio.to_thread(stopped.wait, 10)
    for n in range(2, 5):
        await stream.echoed(n)
    goes_on.set()
    stream.tell(HubEvent(heartbeat=Heartbeat()))
    assert (await within(stream.events.get())).WhichOneof("event") == "heartbeat"
    lead._loop.call_soon_threadsafe(worker.close)
    await asyncio.to_thread(thread.join, 10)
    await reading
    stream.cut()
    server.close()


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_connection_that_ends_while_the_thread_has_it(is_reset, serve):
    accepted: asyncio.Queue[WorkStream] = asyncio.Queue()
    hung_up = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(WorkStream(reader, writer))
        await hung_up.wait()
        if is_reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    serving = serve(lambda data: data, gibbs_hub=f"127.0.0.1:{port}")
    stream = await within(accepted.get())
    reading = asyncio.ensure_future(stream.read())
    await stream.accept()
    lead = lead_of(serving.worker)
    while not lead._is_lent:
        await stream.echoed(next(numbers))
        await asyncio.sleep(0)
    # However busy this machine is, the thread keeps the connection until it ends.
    lead._quiet_ticks = -1_000_000
    hung_up.set()
    # The worker has noticed, and dials again.
    await within(accepted.get())
    reading.cancel()
    serving.worker.close()
    await serving.ended
    server.close()


async def test_a_process_that_a_handler_has_forked_ends_with_it(raw_hub, serve):
    def fork(data: Any) -> Any:
        if data != "fork":
            return data
        pid = os.fork()
        # The child's return value is nobody's answer.
        return pid or "from the child"

    serving = serve(fork, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await lent(session, serving.worker)
    await session.send(job(1, "fork"))
    pid = answer_of(await session.hear("result"))
    await session.hear("ready")
    _, status = await within(asyncio.to_thread(os.waitpid, int(pid), 0))
    assert status == 0
    await lent(session, serving.worker)


async def test_the_loop_takes_over_while_a_handler_blocks(led, handler):
    _, session = led
    await session.send(job(1, "block"))
    await handler.entered.get()
    for _ in range(3):
        await session.send(HubEvent(heartbeat=Heartbeat()))
        await session.hear("heartbeat")
    assert session.said[-1] == "heartbeat"
    handler.opened.set()
    result = await session.hear("result")
    assert (result.result.job_id, answer_of(result)) == (1, "block")
    assert (await session.hear("ready")).ready.slots == 1
    # There was one thread for all of them.
    assert len(handler.threads) == 1


@pytest.mark.parametrize("is_timeout", [False, True])
async def test_a_job_that_the_thread_has_read_is_cancelled(led, handler, is_timeout):
    _, session = led
    await session.send(job(1, "wait", timeout_ms=50 if is_timeout else 600_000))
    if not is_timeout:
        await handler.entered.get()
        await session.send(cancel(1))
    why = "its time has run out" if is_timeout else "nobody waits"
    assert await handler.cancelled.get() == why
    assert answer_of(await session.hear("result")) == "wait"
    assert (await session.hear("ready")).ready.slots == 1


async def test_answers_that_the_thread_does_not_send(led):
    _, session = led
    await session.send(job(1, "large"))
    assert (await session.hear("heartbeat")).heartbeat.pending_bytes > 300_000
    assert len(answer_of(await session.hear("result"))) == 300_000
    await session.hear("ready")
    await session.send(job(2, "await", request_id="r"))
    assert answer_of(await session.hear("result")) == "later r"
    assert (await session.hear("ready")).ready.slots == 1


async def test_failures(led):
    serving, session = led
    await session.send(job(1, "raise"))
    assert (await session.hear("result")).result.failure.type == "KeyError"
    await session.hear("ready")
    await lent(session, serving.worker)
    await session.send(HubEvent(job=Job(job_id=2, payload=b"\x0a\x03\x1a\x01\xff")))
    assert (await session.hear("result")).result.failure.reason == "MALFORMED"
    await session.hear("ready")
    await lent(session, serving.worker)
    await session.send(job(3, method="other"))
    assert (await session.hear("nack")).nack.execution == EXECUTION_NOT_STARTED
    assert (await session.hear("ready")).ready.slots == 1


async def test_what_is_not_just_one_job(led):
    serving, session = led
    await session.send(job(1, "a"), HubEvent(heartbeat=Heartbeat()))
    assert answer_of(await session.hear("result")) == "a"
    await session.hear("ready")
    await lent(session, serving.worker)
    # In several frames.
    await session.send(job(2, "x" * 100_000))
    assert len(answer_of(await session.hear("result"))) == 100_000
    await session.hear("ready")
    await lent(session, serving.worker)
    # Beyond its credit.
    await session.send(job(3, "c"))
    await session.send(job(4, "d"))
    for n in (3, 4):
        assert (await session.hear("result")).result.job_id == n


async def test_sync_and_async_handlers_in_turn(raw_hub, serve):
    async def later(data: Any) -> Any:
        await asyncio.sleep(0)
        return data

    serving = serve({"": lambda data: data, "later": later}, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    for n in range(3):
        await lent(session, serving.worker)
        await session.send(job(n, n, method="later"))
        assert answer_of(await session.hear("result")) == n
        await session.hear("ready")


async def test_a_drain_finishes_the_job_that_the_thread_has_read(led, handler):
    serving, session = led
    await session.send(job(1, "block"))
    await handler.entered.get()
    serving.worker.drain()
    await session.hear("drain")
    await session.send(job(2))
    assert (await session.hear("nack")).nack.execution == EXECUTION_NOT_STARTED
    handler.opened.set()
    assert answer_of(await session.hear("result")) == "block"
    session.end()
    await serving.ended
    assert session.said[-1] == "result"


async def test_a_drain_of_the_hub_while_nothing_runs(led, raw_hub):
    _, session = led
    await session.send(HubEvent(drain=HubDrain(reconnect_after_ms=10)))
    await session.send(job(1))
    assert (await session.hear("nack")).nack.execution == EXECUTION_NOT_STARTED
    session.end()
    await (await raw_hub.session()).greet()


async def test_closing_tells_the_handler(led, handler):
    serving, session = led
    await session.send(job(1, "wait"))
    await handler.entered.get()
    serving.worker.close()
    await serving.ended
    assert await handler.cancelled.get() == "the connection to the hub was lost"


async def test_a_lost_stream_orphans_the_job_that_the_thread_has_read(led, handler, raw_hub):
    _, session = led
    await session.send(job(1, "block"))
    await handler.entered.get()
    session.end(grpc.StatusCode.UNAVAILABLE)
    again = await raw_hub.session()
    await again.hear("hello")
    await again.send(HubEvent(welcome=WELCOME), HubEvent(heartbeat=Heartbeat()))
    await again.hear("heartbeat")
    # The handler is still running, so there is no credit.
    assert again.said == ["hello", "heartbeat"]
    handler.opened.set()
    await again.hear("ready")
    await again.send(job(1, "new"))
    assert answer_of(await again.hear("result")) == "new"


async def test_a_lost_stream_that_the_thread_reads(led, handler, raw_hub):
    serving, session = led
    session.end(grpc.StatusCode.UNAVAILABLE)
    again = await raw_hub.session()
    await again.greet()
    await lent(again, serving.worker)
    assert len(handler.threads) == 1


async def test_a_connection_that_goes_away_hands_over(raw_hub, serve, handler):
    proxy = GoingAwayProxy(raw_hub.address)
    await proxy.start()
    serving = serve(handler, gibbs_hub=proxy.address)
    connection = await proxy.connection()
    old = await raw_hub.session()
    await old.greet()
    await lent(old, serving.worker)
    await old.send(job(1, "block"))
    await handler.entered.get()
    connection.go_away()
    new = await raw_hub.session()
    await new.hear("hello")
    await new.send(HubEvent(welcome=WELCOME))
    await old.hear("drain")
    assert new.said == ["hello"]
    handler.opened.set()
    assert answer_of(await old.hear("result")) == "block"
    assert (await new.hear("ready")).ready.slots == 1
    old.end()
    await lent(new, serving.worker)
    await proxy.stop()


def in_process(data: Any) -> Any:
    if data == "raise":
        raise KeyError(data)
    if data == "wait":
        return current_job().wait_cancelled(60)
    return bytes(data) if isinstance(data, int) else data


async def test_the_thread_of_a_process_reads_its_pipe(raw_hub, serve):
    serve(in_process, gibbs_hub=raw_hub.address, gibbs_isolation="process")
    session = await raw_hub.session()
    await session.greet()

    async def ask(data: Any) -> Any:
        await session.send(job(next(numbers), data))
        result = await session.hear("result")
        assert (await session.hear("ready")).ready.slots == 1
        return result.result.failure.type or answer_of(result)

    for size in (300_000, 20_000):
        for n in range(5):
            assert await ask(f"quick {n}") == f"quick {n}"
        assert await ask("raise") == "KeyError"
        assert len(await ask(size)) == size
        assert len(await ask("x" * size)) == size
    for n in range(5):
        assert await ask(f"quick {n}") == f"quick {n}"
    # It is told of the cancel although its thread runs the job.
    await session.send(job(1, "wait"))
    await session.send(cancel(1))
    assert answer_of(await session.hear("result")) is True
    await session.hear("ready")
    assert await ask("again") == "again"


async def test_an_agent_that_dies_while_the_thread_has_its_pipe(monkeypatch):
    ours, theirs = socket.socketpair()
    lent_at_last = asyncio.Event()
    lend = Lead.lend

    def lend_for_good(lead: Lead) -> None:
        lend(lead)
        # However busy this machine is, the thread keeps the pipe until it ends.
        lead._quiet_ticks = -1_000_000
        if lead._is_lent:
            lent_at_last.set()

    monkeypatch.setattr(Lead, "lend", lend_for_good)
    exits: list[int] = []
    monkeypatch.setattr(child, "_exit", exits.append)
    target = Target(in_process, (), {}, "", ())
    executor = InProcess(target, 1, Limits(1_000_000, send_tracebacks=False))
    serving = asyncio.ensure_future(child._serve(ours, executor))
    said: asyncio.Queue[WorkerEvent] = asyncio.Queue()
    agent = Pipe(WorkerEvent.FromString, lambda events: [said.put_nowait(one) for one in events])
    await agent.open(theirs)
    assert (await within(said.get())).WhichOneof("event") == "hello"
    agent.send(job(1, "quick"))
    assert answer_of(await within(said.get())) == "quick"
    await within(lent_at_last.wait())
    agent.close()
    await within(serving)
    assert exits == [0]
