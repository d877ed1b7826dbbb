"""Runs jobs: handlers in this process, or in separate processes."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from . import outcome
from ._gen.worker_pb2 import Job as WireJob
from ._gen.worker_pb2 import WorkerEvent
from .handlers import Target, build, is_async, load, wants_loop
from .job import Job, current
from .payload import decode_call
from .threads import DaemonThreads

Cancel = Callable[[str], None]
"""Cancels a job, given the reason. The job should then end soon, with any outcome."""

Done = Callable[[WorkerEvent], None]
"""Takes the event that ends a job. Called exactly once."""


class Executor(Protocol):
    """Runs jobs in slots, and reports when one becomes free. Lives on one event loop."""

    @property
    def methods(self) -> Sequence[str]:
        """The methods it serves. Known once it has started."""

    @property
    def free(self) -> int:
        """The number of free slots."""

    async def start(self, on_free: Callable[[], None]) -> None:
        """Gets ready; raises if it cannot. `on_free` is called whenever a slot becomes free."""

    def run(self, job: WireJob, done: Done) -> Cancel:
        """Runs a job in a free slot."""

    def limit_grace(self, hub_grace: float) -> None:
        """Adapts to `hub_grace`: the number of seconds after which the hub drops a worker whose
        cancelled job has not ended."""

    async def stop(self) -> None:
        """Stops all jobs, as far as possible."""


@dataclass(frozen=True)
class Limits:
    """Limits that apply to every answer."""

    max_payload_bytes: int
    send_tracebacks: bool


class InProcess:
    """Runs sync handlers in threads, to keep the event loop free, and async ones on the loop."""

    def __init__(self, target: Target, slots: int, limits: Limits) -> None:
        self._target = target
        self._limits = limits
        self._handlers: Mapping[str, Callable[..., Any]] = {}
        self._threads = DaemonThreads(slots)
        self._tasks: set[asyncio.Task[WorkerEvent]] = set()
        self._on_free: Callable[[], None] = lambda: None
        self.slots = slots
        self.free = 0

    @property
    def methods(self) -> Sequence[str]:
        return list(self._handlers)

    async def start(self, on_free: Callable[[], None]) -> None:
        loaded = await self._threads.run(functools.partial(load, self._target))
        make = functools.partial(build, loaded, self._target)
        # Built where it is called: some objects belong to the thread or loop that created them.
        on_loop = wants_loop(loaded, self._target)
        self._handlers = make() if on_loop else await self._threads.run(make)
        self._on_free = on_free
        self.free = self.slots
        on_free()

    def run(self, job: WireJob, done: Done) -> Cancel:
        self.free -= 1
        context = Job(job)

        def finish(task: asyncio.Task[WorkerEvent]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                return
            done(task.result())
            self.free += 1
            self._on_free()

        task = asyncio.get_running_loop().create_task(self._serve(job, context))
        self._tasks.add(task)
        task.add_done_callback(finish)
        return context.cancel

    def limit_grace(self, hub_grace: float) -> None:
        """Does nothing: a thread cannot be ended from outside."""

    async def stop(self) -> None:
        self._on_free = lambda: None
        for task in self._tasks:
            task.cancel()

    async def _serve(self, job: WireJob, context: Job) -> WorkerEvent:
        handler = self._handlers.get(job.method)
        if handler is None:
            return outcome.not_started(f'this worker has no method "{job.method}"')
        current.set(context)
        call = functools.partial(self._call, handler, job)
        ended = call() if is_async(handler) else await self._threads.run(call)
        if isinstance(ended, WorkerEvent):
            return ended
        try:
            # From here on, a cancel raises CancelledError in the handler.
            task = asyncio.current_task()
            context.call_on_cancel(lambda: task and task.cancel())
            return outcome.answer(await ended, self._limits.max_payload_bytes)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and context.cancel_reason is not None:
                return outcome.given_up(context.cancel_reason)
            return outcome.failure(error, self._limits.send_tracebacks)

    def _call(self, handler: Callable[..., Any], job: WireJob) -> WorkerEvent | Awaitable[Any]:
        """Calls the handler. If it returns an awaitable, the caller must await it."""
        try:
            args, kwargs = decode_call(job.payload)
        except ValueError as error:
            return outcome.malformed(error)
        try:
            result = handler(*args, **kwargs)
            if inspect.isawaitable(result):
                return result
            return outcome.answer(result, self._limits.max_payload_bytes)
        except BaseException as error:
            return outcome.failure(error, self._limits.send_tracebacks)
