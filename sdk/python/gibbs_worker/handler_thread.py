"""The thread of a worker with one slot."""

from __future__ import annotations

import contextlib
import os
import select
from collections import deque
from typing import Protocol

from .threads import Call, DaemonThreads

CAN_LEAD = hasattr(select, "poll")
"""Whether this system lets a thread wait for a socket and for others at once."""


class Watched(Protocol):
    """What the thread reads while it has nothing else to do."""

    @property
    def is_with_thread(self) -> bool: ...

    def fileno(self) -> int: ...

    def step(self) -> None:
        """Called in the thread when there is something to read."""


class HandlerThread(DaemonThreads):
    """One thread that runs calls, and may be given a connection to read in between."""

    def __init__(self) -> None:
        super().__init__(1)
        self._inbox: deque[Call] = deque()
        self._watched: Watched | None = None
        #: A pipe: what is written to it wakes the thread, and its end ends the thread.
        self._pipe = (-1, -1)
        self._is_running = False

    def watch(self, watched: Watched) -> None:
        """Has the thread read that, as long as it is with the thread."""
        self._watched = watched
        self.wake()

    def wake(self) -> None:
        """Has the thread look again at what it is to do."""
        if self._is_running:
            # A full pipe wakes it as well.
            with contextlib.suppress(BlockingIOError):
                os.write(self._pipe[1], b"\0")

    def stop(self) -> None:
        """Ends the thread once it has nothing to do. Nothing else may be called after it."""
        if self._is_running:
            self._is_running = False
            os.close(self._pipe[1])

    def _start(self) -> None:
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._is_running = True
        super()._start()

    def _put(self, call: Call) -> None:
        self._inbox.append(call)
        self.wake()

    def _serve(self) -> None:
        reading = self._pipe[0]
        waiting = select.poll()
        waiting.register(reading, select.POLLIN)
        is_stopped = False
        while not is_stopped:
            watched = self._watched
            if watched is None or not watched.is_with_thread:
                waiting.poll()
            else:
                self._follow(watched, reading)
            if not self.is_forked:
                with contextlib.suppress(BlockingIOError):
                    is_stopped = not os.read(reading, 4096)
            while self._inbox and not self.is_forked:
                self._run(self._inbox.popleft())
            is_stopped = is_stopped or self.is_forked
        os.close(reading)

    def _follow(self, watched: Watched, reading: int) -> None:
        """Reads until it is woken, or has lost the connection."""
        waiting = select.poll()
        waiting.register(reading, select.POLLIN)
        waiting.register(watched.fileno(), select.POLLIN)
        poll, step = waiting.poll, watched.step
        while watched.is_with_thread:
            for fd, _ in poll():
                if fd == reading:
                    return
                step()
