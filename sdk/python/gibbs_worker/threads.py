"""Threads for code that blocks."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import queue
import threading
from typing import Any, Callable, TypeVar

from ._fork import forget_in_children

T = TypeVar("T")

Call = tuple[Callable[[], Any], Callable[[Any], None]]
"""What to run, and what to call on the event loop with its result."""


class DaemonThreads:
    """Like ThreadPoolExecutor, but a call that never returns does not keep the process alive.

    Threads are started as needed, up to `count`. What several calls have returned is handed to the
    event loop at once, which then wakes up once for all of them. Used on one event loop. In a
    process that a call has forked, the thread ends with that call, and the process with it.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._started = 0
        self._idle = 0
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._returned: collections.deque[tuple[Callable[[Any], None], Any]] = collections.deque()
        self._is_waking = False
        self._loop: asyncio.AbstractEventLoop | None = None
        #: Whether this is the copy in a process that was forked, where it must touch nothing.
        self.is_forked = False
        forget_in_children(self)

    def forget(self) -> None:
        self.is_forked = True

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        """Runs the call, which must not raise, in a thread; then calls `done` with its result on
        the event loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if self._idle > 0:
            self._idle -= 1
        elif self._started < self._count:
            self._started += 1
            self._start()
        self._put((call, done))

    async def run(self, call: Callable[[], T]) -> T:
        """Runs the call in a thread, and returns or raises what it does."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def work() -> Callable[[], None]:
            try:
                result = call()
                return lambda: future.set_result(result)
            except BaseException as raised:
                # A future accepts any exception except this one.
                stop = isinstance(raised, StopIteration)
                error = RuntimeError(repr(raised)) if stop else raised
                return lambda: future.set_exception(error)

        def settle(set_outcome: Callable[[], None]) -> None:
            if not future.done():
                set_outcome()

        self.submit(work, settle)
        return await future

    def stop(self) -> None:
        """Nothing will be submitted any more."""

    def give(self, done: Callable[[Any], None], result: Any) -> None:
        """In a thread: has `done` called with the result on the event loop."""
        assert self._loop is not None
        self._returned.append((done, result))
        # In this order: `_deliver` clears the flag before it looks for results.
        if not self._is_waking:
            self._is_waking = True
            with contextlib.suppress(RuntimeError):  # The loop has already ended.
                self._loop.call_soon_threadsafe(self._deliver)

    def _start(self) -> None:
        threading.Thread(target=self._serve, name="gibbs-handler", daemon=True).start()

    def _put(self, call: Call) -> None:
        self._calls.put(call)

    def _serve(self) -> None:
        while not self.is_forked:
            self._run(self._calls.get())

    def _run(self, call: Call) -> None:
        run, done = call
        result = run()
        if not self.is_forked:
            self.give(done, result)

    def _deliver(self) -> None:
        self._is_waking = False
        while self._returned:
            done, result = self._returned.popleft()
            self._idle = min(self._idle + 1, self._started)
            done(result)
