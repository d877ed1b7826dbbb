"""Worker processes as seen by their agent, which replaces those that die."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import multiprocessing
import socket
import threading
from collections.abc import Sequence
from typing import Callable

from . import outcome
from ._gen.worker_pb2 import Cancel as CancelEvent
from ._gen.worker_pb2 import HubEvent, WorkerEvent
from ._gen.worker_pb2 import Job as WireJob
from .backoff import Backoff
from .child import serve_child
from .errors import GibbsError
from .executor import Cancel, Done, Limits
from .handlers import Target
from .lead import Lead, Source
from .options import RESPAWN, RESPAWN_PROVEN
from .pipe import Pipe

logger = logging.getLogger("gibbs_worker")

_spawn = multiprocessing.get_context("spawn")
"""Not fork: the agent has threads, and gRPC does not survive a fork."""

LAST_WORDS = 1.0
"""How long, in seconds, to keep reading after a process has died whose own children hold its
socket."""


class _Running:
    """A job in a process."""

    def __init__(self, done: Done) -> None:
        self.done = done
        self.kill: asyncio.TimerHandle | None = None


class Child:
    """One worker process."""

    def __init__(self, target: Target, slots: int, limits: Limits) -> None:
        self._ours, self._theirs = socket.socketpair()
        arguments = (self._theirs, target, slots, limits)
        self._process = _spawn.Process(target=serve_child, args=arguments)
        self._slots = slots
        self._pipe: Pipe[WorkerEvent] | None = None
        self._jobs: dict[int, _Running] = {}
        self._last_id = 0
        self._failure = ""
        self.up = False
        self.methods: Sequence[str] = ()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def free(self) -> int:
        return self._slots - len(self._jobs) if self.up else 0

    async def live(self, on_free: Callable[[], None]) -> str:
        """Runs the process from start to end. Returns how it ended."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._start)
            return await self._live(on_free)
        except Exception as error:
            return f"it could not be started: {error}"
        finally:
            self.kill()
            self._ours.close()

    async def _live(self, on_free: Callable[[], None]) -> str:
        exited = self._watch_exit()
        pipe = Pipe(WorkerEvent.FromString, functools.partial(self._receive, on_free))
        try:
            await pipe.open(self._ours)
            self._pipe = pipe
            await asyncio.wait({pipe.closed, exited}, return_when=asyncio.FIRST_COMPLETED)
            # Read what it sent before it died.
            await asyncio.wait({pipe.closed}, timeout=LAST_WORDS)
            self.kill()
            await exited
        finally:
            pipe.close()
        return self._end()

    def _watch_exit(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        exited: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not exited.done():
                exited.set_result(None)

        def wait() -> None:
            self._process.join()
            with contextlib.suppress(RuntimeError):  # The loop has already ended.
                loop.call_soon_threadsafe(settle)

        threading.Thread(target=wait, name="gibbs-child", daemon=True).start()
        return exited

    def run(self, job: WireJob, grace: Callable[[], float], done: Done) -> Cancel:
        """Runs a job in a free slot. A cancelled job has `grace()` seconds before the process is
        killed."""
        self._last_id = job_id = self._last_id + 1
        running = self._jobs[job_id] = _Running(done)
        event = HubEvent(job=job)
        event.job.job_id = job_id
        self._tell(event)

        def cancel(reason: str) -> None:
            if self._jobs.get(job_id) is running and running.kill is None:
                self._tell(HubEvent(cancel=CancelEvent(job_id=job_id, reason=reason)))
                running.kill = asyncio.get_running_loop().call_later(grace(), self.kill)

        return cancel

    def kill(self) -> None:
        """Kills the process immediately."""
        if self._process.pid is not None:
            self._process.kill()

    def _start(self) -> None:
        try:
            self._process.start()
        finally:
            self._theirs.close()

    def _tell(self, event: HubEvent) -> None:
        if self._pipe is not None:
            self._pipe.send(event)

    def _receive(self, on_free: Callable[[], None], events: Sequence[WorkerEvent]) -> None:
        for event in events:
            if event.HasField("hello"):
                self.methods = [method.name for method in event.hello.methods]
                self.up = True
            elif event.HasField("drain"):
                self._failure = event.drain.reason
            else:
                ended = event.nack if event.HasField("nack") else event.result
                self._finish(ended.job_id, event)
        on_free()

    def _finish(self, job_id: int, event: WorkerEvent) -> None:
        running = self._jobs.pop(job_id, None)
        if running is None:
            return
        if running.kill is not None:
            running.kill.cancel()
        running.done(event)

    def _end(self) -> str:
        self.up = False
        code = self._process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        why = self._failure or f"worker process {self.pid} {how}"
        for job_id in list(self._jobs):
            self._finish(job_id, outcome.lost(why))
        return why


class ChildPool:
    """Runs handlers in separate processes: blocking code does not silence the worker, and a process
    that dies loses only its own jobs and is replaced."""

    def __init__(
        self,
        target: Target,
        count: int,
        slots: int,
        limits: Limits,
        kill_grace: float,
        start_timeout: float,
    ) -> None:
        self._make = functools.partial(Child, target, slots, limits)
        self._count = count
        self._grace = kill_grace
        self._start_timeout = start_timeout
        #: The longest-idle child first.
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._on_free: Callable[[], None] = lambda: None
        self.methods: Sequence[str] = ()

    @property
    def pids(self) -> list[int]:
        """The process ids of the living children."""
        return [child.pid for child in self._children if child.pid is not None]

    @property
    def free(self) -> int:
        return sum(child.free for child in self._children)

    async def start(self, on_free: Callable[[], None]) -> None:
        self._on_free = on_free
        loop = asyncio.get_running_loop()
        reports: list[asyncio.Future[str | None]] = []
        for _ in range(self._count):
            reports.append(loop.create_future())
            self._keepers.append(loop.create_task(self._keep(reports[-1])))
        failures = await asyncio.gather(*reports)
        if None not in failures:
            message = f"no worker process could be started: {failures[0]}"
            raise GibbsError("FAILED_PRECONDITION", message, reason="START_FAILED")

    def run(self, job: WireJob, done: Done) -> Cancel:
        child = max(self._children, key=lambda one: one.free)
        self._children.remove(child)
        self._children.append(child)
        return child.run(job, lambda: self._grace, done)

    def lead(self, source: Source) -> Lead | None:
        """Returns None: its processes run the jobs."""
        return None

    def limit_grace(self, hub_grace: float) -> None:
        # Well before the hub would drop all processes because of one.
        if hub_grace > 0:
            self._grace = min(self._grace, hub_grace / 2)

    async def stop(self) -> None:
        self._on_free = lambda: None
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, report: asyncio.Future[str | None]) -> None:
        """Keeps one process running. Reports None once the first one is up, or why it failed to
        start."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(RESPAWN)
        while True:
            started_at = loop.time()
            why = await self._live(report)
            if not report.done():
                report.set_result(why)
            if loop.time() - started_at > RESPAWN_PROVEN:
                backoff.reset()
            pause = backoff.next()
            logger.warning("a worker process is replaced in %d ms: %s", pause * 1000, why)
            await asyncio.sleep(pause)

    async def _live(self, report: asyncio.Future[str | None]) -> str:
        """Runs one process from start to end. Returns how it ended."""
        child = self._make()
        too_slow = asyncio.get_running_loop().call_later(self._start_timeout, child.kill)

        def on_free() -> None:
            if child.up:
                too_slow.cancel()
                self.methods = child.methods
                if not report.done():
                    report.set_result(None)
            self._on_free()

        self._children.append(child)
        try:
            return await child.live(on_free)
        finally:
            too_slow.cancel()
            self._children.remove(child)
