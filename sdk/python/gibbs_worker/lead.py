"""Who reads a connection: the event loop, or the thread that runs its jobs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, Callable, Protocol

from ._gen.worker_pb2 import Job, WorkerEvent
from .handler_thread import HandlerThread

TICK = 0.01
"""A job that has run this long, and at most twice this, becomes the loop's."""

QUIET_TICKS = 10
"""After this many ticks without a job the loop reads again."""

_LOOP, _THREAD, _RUNNING = range(3)


class Source(Protocol):
    """A connection that brings jobs. While it is lent, the loop neither reads nor writes it."""

    def fileno(self) -> int:
        """On the loop: the descriptor of its socket."""
        ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def receive(self, data: bytes) -> None:
        """On the loop: handles what was received."""

    def write(self, data: bytes) -> None:
        """On the loop: sends the rest of what the thread has begun to send."""

    def heard(self) -> None:
        """On the loop: jobs have arrived since the last time."""

    def recv(self) -> bytes:
        """In the thread. Raises OSError."""
        ...

    def job_in(self, data: bytes) -> Job | None:
        """In the thread: returns the job that the data consists of; None if there is more to it."""
        ...

    def took(self, data: bytes) -> None:
        """In the thread: `receive` will not see this job."""

    def answer(self, job_id: int, event: WorkerEvent) -> bytes | None:
        """In the thread: sends the event that ends the job, and offers its slot again. Returns what
        the system did not take; None if the loop must send the event."""
        ...


class LedJob(Protocol):
    """A job that the thread has read itself."""

    def call(self) -> Any:
        """In the thread: runs the handler."""

    def returned(self, returned: Any) -> None:
        """On the loop: ends the job with that, if it was adopted."""


class Runner(Protocol):
    """Runs the jobs."""

    @property
    def is_quick(self) -> bool:
        """Whether jobs end so soon that it is worth while."""
        ...

    def begin(self, job: Job) -> LedJob | None:
        """In the thread: prepares a job. Returns None if the loop must run it."""
        ...

    def adopt(self, job: Any, tell: Callable[[], None]) -> None:
        """On the loop: calls `tell`, which has a job run: that one, which runs already."""


class Lead:
    """Lends a connection to the thread that runs its jobs, one at a time. A job then costs neither
    a turn of the loop nor a change of threads, if its handler returns at once.

    | from | event | to |
    |---|---|---|
    | loop | `lend` | thread: waits for a job |
    | thread | a job, and nothing else | running: the loop does not know of it |
    | running | its event is sent | thread |
    | running | `reclaim`, or it takes long, or the thread may not send its event | loop, which handles the job as if it had just arrived |
    | thread | `reclaim`, or no job for some time, or anything else arrives | loop |

    Credit and free slots are the same before and after a job that only the thread has seen.
    """  # noqa: E501

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        source: Source,
        thread: HandlerThread,
        runner: Runner,
    ) -> None:
        self._loop = loop
        self._source = source
        self._thread = thread
        self._runner = runner
        self._is_lent = False
        self._fd = -1
        self._ticking: asyncio.TimerHandle | None = None
        self._last_seen = 0
        self._quiet_ticks = 0
        #: Guards what follows, and all reading and sending while the connection is lent.
        self._lock = threading.Lock()
        self._state = _LOOP
        self._count = 0
        self._data = b""
        self._job: LedJob | None = None

    # On the loop.

    def lend(self) -> None:
        """Has the thread read. Nothing may be under way on the connection."""
        if self._is_lent or not self._runner.is_quick:
            return
        self._is_lent = True
        self._source.pause_reading()
        self._fd = self._source.fileno()
        self._state = _THREAD
        self._last_seen, self._quiet_ticks = self._count, 0
        self._ticking = self._loop.call_later(TICK, self._tick)
        self._thread.watch(self)

    def reclaim(self) -> None:
        """Must be called before the loop uses the connection."""
        if not self._is_lent:
            return
        with self._lock:
            state, self._state = self._state, _LOOP
            data, job = self._data, self._job
            self._data, self._job = b"", None
        if state == _LOOP:
            return  # `_give_back` is about to run.
        self._stop_lending()
        if state == _RUNNING:
            assert job is not None
            self._runner.adopt(job, lambda: self._source.receive(data))
        else:
            # It must not keep a socket in use that will be closed.
            self._thread.wake()

    def _give_back(self, received: bytes, unsent: bytes = b"") -> None:
        self._stop_lending()
        if unsent:
            self._source.write(unsent)
        # Otherwise the connection has ended. `receive` would lend it again before the loop has met
        # the end.
        if received or unsent:
            self._source.receive(received)

    def _stop_lending(self) -> None:
        self._is_lent = False
        if self._ticking is not None:
            self._ticking.cancel()
        self._source.resume_reading()

    def _tick(self) -> None:
        count = self._count
        if count != self._last_seen:
            self._last_seen, self._quiet_ticks = count, 0
            self._source.heard()
        else:
            self._quiet_ticks += 1
            if self._state == _RUNNING or self._quiet_ticks == QUIET_TICKS:
                self.reclaim()
                return
        self._ticking = self._loop.call_later(TICK, self._tick)

    # In the thread.

    @property
    def is_with_thread(self) -> bool:
        return self._state == _THREAD

    def fileno(self) -> int:
        return self._fd

    def step(self) -> None:
        """Reads what has arrived, and runs it if it is a job."""
        with self._lock:
            if self._state != _THREAD:
                return
            try:
                data = self._source.recv()
            except BlockingIOError:
                return
            except OSError:
                data = b""  # The loop will meet it, too.
            wire = self._source.job_in(data)
            job = None if wire is None else self._runner.begin(wire)
            if wire is None or job is None:
                self._state = _LOOP
                self._soon(self._give_back, data)
                return
            self._source.took(data)
            self._state, self._data, self._job = _RUNNING, data, job
            self._count += 1
        returned = job.call()
        if self._thread.is_forked:
            return
        with self._lock:
            if self._state == _RUNNING:
                unsent = None
                if isinstance(returned, WorkerEvent):
                    unsent = self._source.answer(wire.job_id, returned)
                if unsent is not None:
                    self._state = _LOOP if unsent else _THREAD
                    self._data, self._job = b"", None
                    if unsent:
                        self._soon(self._give_back, b"", unsent)
                    return
                self._soon(self.reclaim)
        self._thread.give(job.returned, returned)

    def _soon(self, call: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has already ended.
            self._loop.call_soon_threadsafe(call, *args)
