"""Runs jobs: handlers in this process, or in separate processes."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import sys
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Protocol, Union

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

_Returned = Union[WorkerEvent, Awaitable[Any]]


class Executor(Protocol):
    """Runs jobs in slots, and reports when one becomes free. Lives on one event loop."""

    @property
    def methods(self) -> Sequence[str]:
        """The methods it serves. Known once it has started."""
        ...

    @property
    def free(self) -> int:
        """The number of free slots."""
        ...

    async def start(self, on_free: Callable[[], None]) -> None:
        """Gets ready; raises if it cannot. `on_free` is called whenever a slot becomes free."""

    def run(self, job: WireJob, done: Done) -> Cancel:
        """Runs a job in a free slot."""
        ...

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


class _Handler(NamedTuple):
    call: Callable[..., Any]
    is_async: bool


class InProcess:
    """Runs sync handlers in threads, to keep the event loop free, and async ones on the loop."""

    def __init__(self, target: Target, slots: int, limits: Limits) -> None:
        self._target = target
        self._limits = limits
        self._handlers: Mapping[str, _Handler] = {}
        self._threads = DaemonThreads(slots)
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_free: Callable[[], None] = lambda: None
        self._is_reporting = False
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
        handlers = make() if on_loop else await self._threads.run(make)
        self._handlers = {name: _Handler(one, is_async(one)) for name, one in handlers.items()}
        self._on_free = on_free
        self.free = self.slots
        on_free()

    def run(self, job: WireJob, done: Done) -> Cancel:
        self.free -= 1
        context = Job(job)
        handler = self._handlers.get(job.method)
        if handler is None:
            self._end(outcome.not_started(f'this worker has no method "{job.method}"'), done)
        elif handler.is_async:
            self._spawn(self._serve(handler.call, job, context, done))
        else:
            # Like a task, each call has its own context.
            own = contextvars.copy_context()
            self._threads.submit(
                lambda: own.run(self._call, handler.call, job, context),
                lambda returned: self._returned(returned, own, context, done),
            )
        return context.cancel

    def limit_grace(self, hub_grace: float) -> None:
        """Does nothing: a thread cannot be ended from outside."""

    async def stop(self) -> None:
        self._on_free = lambda: None
        for task in self._tasks:
            task.cancel()

    def _call(self, call: Callable[..., Any], job: WireJob, context: Job) -> _Returned:
        """Calls the handler. If it returns an awaitable, the caller must await it."""
        current.set(context)
        try:
            args, kwargs = decode_call(job.payload)
        except ValueError as error:
            return outcome.malformed(error)
        try:
            result = call(*args, **kwargs)
            if inspect.isawaitable(result):
                return result
            return outcome.answer(result, self._limits.max_payload_bytes)
        except BaseException as error:
            return outcome.failure(error, self._limits.send_tracebacks)

    def _returned(
        self, returned: _Returned, own: contextvars.Context, context: Job, done: Done
    ) -> None:
        """Called on the loop with what a thread has returned."""
        if isinstance(returned, WorkerEvent):
            self._end(returned, done)
        else:
            own.run(self._spawn, self._finish(returned, context, done))

    async def _serve(
        self, call: Callable[..., Any], job: WireJob, context: Job, done: Done
    ) -> None:
        returned = self._call(call, job, context)
        if isinstance(returned, WorkerEvent):
            self._end(returned, done)
        else:
            await self._finish(returned, context, done)

    async def _finish(self, returned: Awaitable[Any], context: Job, done: Done) -> None:
        try:
            # From here on, a cancel raises CancelledError in the handler.
            task = asyncio.current_task()
            context.call_on_cancel(lambda: task and task.cancel())
            event = outcome.answer(await returned, self._limits.max_payload_bytes)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and context.cancel_reason is not None:
                event = outcome.given_up(context.cancel_reason)
            else:
                event = outcome.failure(error, self._limits.send_tracebacks)
        self._end(event, done)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` as a task, if possible up to its first wait before this returns."""
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 12):
            task = asyncio.Task(work, loop=loop, eager_start=True)
        else:
            task = loop.create_task(work)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _end(self, event: WorkerEvent, done: Done) -> None:
        if not self._is_reporting:
            # Once for all jobs that end in this tick. Before `done`, so that the outcomes and the
            # credit for their slots are written together.
            self._is_reporting = True
            asyncio.get_running_loop().call_soon(self._report_free)
        done(event)
        self.free += 1

    def _report_free(self) -> None:
        self._is_reporting = False
        self._on_free()
