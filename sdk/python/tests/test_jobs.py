"""What a job is to its handler, and how it ends, tested event by event against a scripted hub."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from raw_hub import answer_of, cancel, job

from gibbs_worker import GibbsError, current_job


class StrRaises(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class StrExits(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class StrIsNone(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


def with_odd_message() -> GibbsError:
    error = GibbsError("NOT_FOUND", "")
    error.message = object()  # type: ignore[assignment]
    return error


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("make", [StrRaises, StrExits, StrIsNone, with_odd_message])
async def test_an_exception_that_cannot_be_shown_is_a_failure(raw_hub, serve, make, is_async):
    def fail(_: Any) -> None:
        raise make()

    async def fail_async(_: Any) -> None:
        raise make()

    handler = fail_async if is_async else fail
    serve(handler, gibbs_hub=raw_hub.address, gibbs_send_tracebacks=True)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1))
    failure = (await session.hear("result")).result.failure
    assert failure.type == type(make()).__name__
    assert "cannot be shown" in failure.message
    assert (await session.hear("ready")).ready.slots == 1


async def test_text_that_cannot_be_encoded_does_not_break_the_stream(raw_hub, serve):
    def fail(data: Any) -> Any:
        if data == "answer":
            return ["cut \ud83d in half"]
        if data == "declared":
            raise GibbsError("NOT_FOUND", "cut \ud83d in half")
        raise ValueError("cut \ud83d in half")

    serve(fail, gibbs_hub=raw_hub.address, gibbs_send_tracebacks=True)
    session = await raw_hub.session()
    await session.greet()
    for data, told in (
        ("answer", "a string with a lone surrogate at [0] cannot be sent"),
        ("declared", "cut ? in half"),
        ("error", "cut ? in half"),
    ):
        await session.send(job(1, data))
        failure = (await session.hear("result")).result.failure
        assert told in failure.message
        assert told in failure.stack
        assert (await session.hear("ready")).ready.slots == 1


async def test_each_job_has_its_own_time(raw_hub, serve):
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def wait(data: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.put_nowait(f"{data}: {current_job().cancel_reason}")

    serve(wait, gibbs_hub=raw_hub.address, gibbs_slots=4)
    session = await raw_hub.session()
    await session.greet()
    await session.send(
        job(1, "none"), job(2, "long", timeout_ms=600_000),
        job(3, "second", timeout_ms=200), job(4, "first", timeout_ms=50),
    )  # fmt: skip
    for data in ("first", "second"):
        assert await ended.get() == f"{data}: its time has run out"
    for job_id in (4, 3):
        result = (await session.hear("result")).result
        assert (result.job_id, result.failure.code) == (job_id, 4)
    await session.send(cancel(1), cancel(2))
    assert {await ended.get(), await ended.get()} == {"none: nobody waits", "long: nobody waits"}


async def test_jobs_that_arrive_together_run_at_once_and_are_reported_together(raw_hub, serve):
    together = threading.Barrier(4)

    def meet(_: Any) -> int:
        return together.wait(60)

    async def echo(data: Any) -> Any:
        return data

    serve({"meet": meet, "echo": echo}, gibbs_hub=raw_hub.address, gibbs_slots=4)
    session = await raw_hub.session()
    await session.greet()
    await session.send(*(job(n, n, method="echo") for n in range(1, 5)))
    assert (await session.hear("ready")).ready.slots == 4
    assert session.said[-5:] == ["result"] * 4 + ["ready"]
    await session.send(*(job(n, method="meet") for n in range(1, 5)))
    assert {answer_of(await session.hear("result")) for _ in range(4)} == {0, 1, 2, 3}


seen: contextvars.ContextVar[Any] = contextvars.ContextVar("seen", default="nothing")


@pytest.mark.parametrize("is_async", [False, True])
async def test_each_job_has_its_own_context(raw_hub, serve, is_async):
    def remember(data: Any) -> Any:
        before = seen.get()
        seen.set(data)
        return [before, current_job().request_id]

    async def remember_async(data: Any) -> Any:
        return remember(data)

    serve(remember_async if is_async else remember, gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    for n in (1, 2):
        await session.send(job(n, n, request_id=f"r{n}"))
        assert answer_of(await session.hear("result")) == ["nothing", f"r{n}"]
        await session.hear("ready")


async def test_a_sync_handler_that_returns_an_awaitable(raw_hub, serve):
    async def answer(data: Any) -> Any:
        await asyncio.sleep(0)
        return [data, current_job().request_id]

    serve(lambda data: answer(data), gibbs_hub=raw_hub.address)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, "x", request_id="r"))
    assert answer_of(await session.hear("result")) == ["x", "r"]
    assert (await session.hear("ready")).ready.slots == 1
