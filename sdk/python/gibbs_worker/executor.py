"""Whatever computes jobs: handlers in this process, or processes of their own."""

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
"""Says why nobody waits for a job any more. It is then to end soon, with whatever outcome."""

Done = Callable[[WorkerEvent], None]
"""Takes the event that ends a job, once."""


class Executor(Protocol):
    """Has slots, and tells when one comes free. Lives on one event loop."""

    @property
    def methods(self) -> Sequence[str]:
        """What it serves. Known once it has started."""

    @property
    def free(self) -> int:
        """How many slots are free now."""

    async def start(self, on_free: Callable[[], None]) -> None:
        """Gets ready; raises if it cannot. `on_free` is called when a slot comes free."""

    def run(self, job: WireJob, done: Done) -> Cancel:
        """Uses a free slot."""

    def limit_grace(self, hub_grace: float) -> None:
        """The hub drops a worker whose cancelled job has not ended after so many seconds."""

    async def stop(self) -> None:
        """Gives everything up, as far as that is possible."""


@dataclass(frozen=True)
class Limits:
    """What holds for every answer."""

    max_payload_bytes: int
    send_tracebacks: bool


class InProcess:
    """Runs sync handlers in threads, so that the event loop stays free, and async ones on it."""

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
        # Where it is called, too: some things belong to the thread, or the loop, that made them.
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
        """A thread cannot be ended from outside."""

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
            # From here on a cancel is a CancelledError in the handler.
            task = asyncio.current_task()
            context.call_on_cancel(lambda: task and task.cancel())
            return outcome.answer(await ended, self._limits.max_payload_bytes)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and context.cancel_reason is not None:
                return outcome.given_up(context.cancel_reason)
            return outcome.failure(error, self._limits.send_tracebacks)

    def _call(self, handler: Callable[..., Any], job: WireJob) -> WorkerEvent | Awaitable[Any]:
        """Calls the handler. If it returned an awaitable, that is yet to be awaited."""
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
