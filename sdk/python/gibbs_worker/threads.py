"""Threads for code that blocks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from typing import Callable, TypeVar

T = TypeVar("T")


class DaemonThreads:
    """Like ThreadPoolExecutor, but a call that never returns does not keep the process alive."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._started = 0
        self._idle = 0
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    async def run(self, call: Callable[[], T]) -> T:
        """Runs the call in a thread, in the caller's context."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(set_outcome: Callable[[], None]) -> None:
            self._idle += 1
            if not future.done():
                set_outcome()

        def work() -> None:
            try:
                result = context.run(call)
                outcome = lambda: future.set_result(result)  # noqa: E731
            except BaseException as raised:
                # A future accepts any exception except this one.
                stop = isinstance(raised, StopIteration)
                error = RuntimeError(repr(raised)) if stop else raised
                outcome = lambda: future.set_exception(error)  # noqa: E731
            with contextlib.suppress(RuntimeError):  # The loop has already ended.
                loop.call_soon_threadsafe(settle, outcome)

        if self._idle > 0:
            self._idle -= 1
        elif self._started < self._count:
            self._started += 1
            threading.Thread(target=self._serve, name="gibbs-handler", daemon=True).start()
        self._calls.put(work)
        return await future

    def _serve(self) -> None:
        while True:
            self._calls.get()()
