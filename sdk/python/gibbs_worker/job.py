"""The job that a handler runs, as the handler sees it."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Mapping
from typing import Callable

from ._gen.worker_pb2 import Job as WireJob

_waiting = threading.Lock()
"""Guards the first wait for a cancel against that cancel. Most jobs never wait for one."""


class Job:
    """A request in a worker. Its properties and methods may be used from any thread."""

    __slots__ = ("_cancelled", "_on_cancel", "_wire", "cancel_reason")

    def __init__(self, job: WireJob) -> None:
        self._wire = job
        #: Why the answer is no longer wanted; None while it is.
        self.cancel_reason: str | None = None
        self._cancelled: threading.Event | None = None
        self._on_cancel: Callable[[], object] | None = None

    @property
    def method(self) -> str:
        """The method that was called; empty for the default method."""
        return self._wire.method

    @property
    def attempt(self) -> int:
        """The number of this attempt, starting at 1."""
        return self._wire.attempt

    @property
    def request_id(self) -> str:
        """The id of the request, the same for all its attempts."""
        return self._wire.request_id

    @property
    def timeout(self) -> float | None:
        """How much of the caller's time was left on arrival, in seconds; None means no limit."""
        return self._wire.timeout_ms / 1000 if self._wire.HasField("timeout_ms") else None

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """The gRPC metadata that the hub forwards from the caller; bytes for keys ending in
        "-bin"."""
        return {
            entry.key: entry.value
            if entry.key.endswith("-bin")
            else entry.value.decode("utf-8", "replace")
            for entry in self._wire.metadata
        }

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted: the handler should then return soon."""
        return self.cancel_reason is not None

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Sleeps like `time.sleep(timeout)`, but only until the job is cancelled.

        Returns whether the job is cancelled. For handlers that run in a thread.
        """
        with _waiting:
            if self._cancelled is None:
                self._cancelled = threading.Event()
                if self.cancelled():
                    self._cancelled.set()
        return self._cancelled.wait(timeout)

    def cancel(self, reason: str) -> None:
        """Tells the handler that its answer is no longer wanted. Only on the event loop."""
        if self.cancelled():
            return
        with _waiting:
            self.cancel_reason = reason
            if self._cancelled is not None:
                self._cancelled.set()
        if self._on_cancel is not None:
            self._on_cancel()

    def call_on_cancel(self, callback: Callable[[], object]) -> None:
        """Calls back when the job is cancelled, or now if it already is. Only on the event loop."""
        self._on_cancel = callback
        if self.cancelled():
            callback()


current: contextvars.ContextVar[Job] = contextvars.ContextVar("gibbs_worker.job")


def current_job() -> Job:
    """Returns the job of the calling handler. Raises LookupError outside a handler."""
    return current.get()
