"""The job that a handler runs, as the handler sees it."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Mapping
from typing import Callable

from ._gen.worker_pb2 import Job as WireJob


class Job:
    """A request in a worker. Its methods may be called from any thread."""

    def __init__(self, job: WireJob) -> None:
        #: The method that was called; empty for the default method.
        self.method = job.method
        #: The number of this attempt, starting at 1.
        self.attempt = job.attempt
        #: The id of the request, the same for all its attempts.
        self.request_id = job.request_id
        #: How much of the caller's time was left on arrival, in seconds; None means no limit.
        self.timeout: float | None = job.timeout_ms / 1000 if job.HasField("timeout_ms") else None
        #: The gRPC metadata that the hub forwards from the caller; bytes for keys ending in "-bin".
        self.metadata: Mapping[str, str | bytes] = {
            entry.key: entry.value
            if entry.key.endswith("-bin")
            else entry.value.decode("utf-8", "replace")
            for entry in job.metadata
        }
        #: Why the answer is no longer wanted; None while it is.
        self.cancel_reason: str | None = None
        self._cancelled = threading.Event()
        self._on_cancel: Callable[[], object] = lambda: None

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted: the handler should then return soon."""
        return self._cancelled.is_set()

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Sleeps like `time.sleep(timeout)`, but only until the job is cancelled.

        Returns whether the job is cancelled. For handlers that run in a thread.
        """
        return self._cancelled.wait(timeout)

    def cancel(self, reason: str) -> None:
        """Tells the handler that its answer is no longer wanted. Only on the event loop."""
        if self._cancelled.is_set():
            return
        self.cancel_reason = reason
        self._cancelled.set()
        self._on_cancel()

    def call_on_cancel(self, callback: Callable[[], object]) -> None:
        """Calls back when the job is cancelled, or now if it already is. Only on the event loop."""
        self._on_cancel = callback
        if self._cancelled.is_set():
            callback()


current: contextvars.ContextVar[Job] = contextvars.ContextVar("gibbs_worker.job")


def current_job() -> Job:
    """Returns the job of the calling handler. Raises LookupError outside a handler."""
    return current.get()
