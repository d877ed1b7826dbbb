"""What a handler can know of the job that it runs."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Mapping
from typing import Callable

from ._gen.worker_pb2 import Job as WireJob


class Job:
    """One request at its worker. Its methods may be called from any thread."""

    def __init__(self, job: WireJob) -> None:
        #: The method that was called; empty is the default method.
        self.method = job.method
        #: Which attempt of the request this is, from 1.
        self.attempt = job.attempt
        #: The request, the same over all its attempts.
        self.request_id = job.request_id
        #: What was left of the caller's time when the job arrived, in seconds; None: no limit.
        self.timeout: float | None = job.timeout_ms / 1000 if job.HasField("timeout_ms") else None
        #: What the hub forwards of the caller's gRPC metadata; bytes under keys that end in "-bin".
        self.metadata: Mapping[str, str | bytes] = {
            entry.key: entry.value
            if entry.key.endswith("-bin")
            else entry.value.decode("utf-8", "replace")
            for entry in job.metadata
        }
        #: Why nobody waits any more; None as long as somebody does.
        self.cancel_reason: str | None = None
        self._cancelled = threading.Event()
        self._on_cancel: Callable[[], object] = lambda: None

    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more: the handler should return soon."""
        return self._cancelled.is_set()

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Waits, as `time.sleep(timeout)` does, but no longer than somebody waits for the answer.

        Returns whether the job is cancelled. For handlers that run in a thread.
        """
        return self._cancelled.wait(timeout)

    def cancel(self, reason: str) -> None:
        """Tells the handler that nobody waits any more. On the event loop only."""
        if self._cancelled.is_set():
            return
        self.cancel_reason = reason
        self._cancelled.set()
        self._on_cancel()

    def call_on_cancel(self, callback: Callable[[], object]) -> None:
        """Calls back when the job is cancelled, or now if it is. On the event loop only."""
        self._on_cancel = callback
        if self._cancelled.is_set():
            callback()


current: contextvars.ContextVar[Job] = contextvars.ContextVar("gibbs_worker.job")


def current_job() -> Job:
    """The job that the calling handler runs. LookupError outside of a handler."""
    return current.get()
