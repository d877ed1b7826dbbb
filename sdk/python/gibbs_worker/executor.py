"""Runs jobs: handlers in this process, or in separate processes."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import sys
import time
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Protocol, Union

from . import outcome
from ._gen.worker_pb2 import Job as WireJob
from ._gen.worker_pb2 import WorkerEvent
from .handler_thread import CAN_LEAD, HandlerThread
from .handlers import Target, build, is_async, load, wants_loop
from .job import Job, current
from .lead import Lead, Source
from .options import QUICK, SMALL_BYTES
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

    def lead(self, source: Source) -> Lead | None:
        """Returns what may read `source` in place of the loop; None if nothing may."""
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


class _LedJob:
    """A job that its thread has read itself."""

    __slots__ = ("_context", "_executor", "_handler", "_job", "_own", "done")

    def __init__(
        self, executor: InProcess, handler: _Handler, job: WireJob, own: contextvars.Context
    ) -> None:
        self._executor = executor
        self._handler = handler
        self._job = job
        self._own = own
        self._context = Job(job)
        #: Set once the loop knows of it.
        self.done: Done | None = None

    def call(self) -> _Returned:
        return self._own.run(self._executor._call, self._handler.call, self._job, self._context)

    def returned(self, returned: _Returned) -> None:
        if self.done is not None:
            # It was slow, or its answer is too large.
            self._executor._was_quick = False
            self._executor._returned(returned, self._own, self._context, self.done)

    def cancel(self, reason: str) -> None:
        self._context.cancel(reason)


class InProcess:
    """Runs sync handlers in threads, to keep the event loop free, and async ones on the loop."""

    def __init__(self, target: Target, slots: int, limits: Limits) -> None:
        self._target = target
        self._limits = limits
        self._handlers: Mapping[str, _Handler] = {}
        self._threads = HandlerThread() if slots == 1 and CAN_LEAD else DaemonThreads(slots)
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_free: Callable[[], None] = lambda: None
        self._is_reporting = False
        #: Whether the last call was quick and its input small. Set where it was called.
        self._was_quick = False
        self._adopted: _LedJob | None = None
        self._context = contextvars.copy_context()
        #: Whether the last job was one that the thread may run without the loop.
        self.is_quick = False
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
        self._context = contextvars.copy_context()
        self.free = self.slots
        on_free()

    def run(self, job: WireJob, done: Done) -> Cancel:
        self.free -= 1
        adopted, self._adopted = self._adopted, None
        if adopted is not None:
            adopted.done = done
            return adopted.cancel
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
                lambda: own.run(self._call_timed, handler.call, job, context),
                lambda returned: self._returned(returned, own, context, done),
            )
        return context.cancel

    def lead(self, source: Source) -> Lead | None:
        if not isinstance(self._threads, HandlerThread):
            return None
        return Lead(asyncio.get_running_loop(), source, self._threads, self)

    def begin(self, job: WireJob) -> _LedJob | None:
        handler = self._handlers.get(job.method)
        if handler is None or handler.is_async:
            return None
        return _LedJob(self, handler, job, self._context.copy())

    def adopt(self, job: _LedJob, tell: Callable[[], None]) -> None:
        self._adopted = job
        tell()
        self._adopted = None

    def limit_grace(self, hub_grace: float) -> None:
        """Does nothing: a thread cannot be ended from outside."""

    async def stop(self) -> None:
        self._on_free = lambda: None
        for task in self._tasks:
            task.cancel()
        self._threads.stop()

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

    def _call_timed(self, call: Callable[..., Any], job: WireJob, context: Job) -> _Returned:
        started = time.monotonic()
        returned = self._call(call, job, context)
        is_small = len(job.payload) <= SMALL_BYTES
        self._was_quick = is_small and time.monotonic() - started < QUICK
        return returned

    def _returned(
        self, returned: _Returned, own: contextvars.Context, context: Job, done: Done
    ) -> None:
        """Called on the loop with what a thread has returned."""
        if isinstance(returned, WorkerEvent):
            self.is_quick = self._was_quick and len(returned.result.payload) <= SMALL_BYTES
            self._end(returned, done)
        else:
            self.is_quick = False
            own.run(self._spawn, self._finish(returned, context, done))

    async def _serve(
        self, call: Callable[..., Any], job: WireJob, context: Job, done: Done
    ) -> None:
        self.is_quick = False
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
