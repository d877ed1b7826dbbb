"""A worker: serves a function or a class behind a hub."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

from . import connection
from .children import ChildPool
from .errors import GibbsError
from .executor import Executor, InProcess, Limits
from .handlers import Handlers, Target
from .life import Life
from .options import MAX_PAYLOAD_BYTES, Isolation, WorkerOptions, hub_address


class Worker:
    """Computes with `handlers`, in this process (`run`) or one of its own (`start`).

        class MyAwesomeModel:
            def __init__(self, wait_time=0.25): ...
            def __call__(self, x): ...

        Worker(MyAwesomeModel, wait_time=0.25).start()

    `handlers` is a function, a class that is built once with `args` and `kwargs` and then called,
    a dict of those by method, or "module:name" where one of those is imported from. Code that
    blocks runs in a thread, an `async def` on the event loop: the worker answers the hub while
    it computes. Code that keeps other threads from running for seconds, as some extensions do,
    wants `gibbs_isolation="process"`; then a cancelled job that does not end is killed, too.

    What the worker itself is to know begins with `gibbs_`. Times in seconds, sizes in bytes:

    - `gibbs_hub`: the hub, `host:port`; or `gibbs_host` and `gibbs_port`. Default: the
      environment's GIBBS_HUB, else 127.0.0.1:5019.
    - `gibbs_method`: the method that `handlers` serves. Default "", the default method.
    - `gibbs_methods`: methods of the class that are served, too, by their names.
    - `gibbs_slots`: requests at once, in each process. Default 1.
    - `gibbs_isolation`: "thread": computes in this process; "process": in `gibbs_count` processes
      of their own, which are replaced when they die. Default "thread", and 1.
    - `gibbs_idempotent`: whether requests may run again after a loss. Default: the caller says.
    - `gibbs_worker_id`, `gibbs_name`, `gibbs_version`, `gibbs_labels`: for people and tools.
    - `gibbs_send_tracebacks`: whether callers get the traceback of an exception. Default False.
    - `gibbs_max_payload_bytes`: of one payload that this worker takes and gives. Default 4 MiB.
    - `gibbs_connect_timeout`: for an attempt to reach the hub. Default 20.
    - `gibbs_drain_timeout`: how long a drain waits for what runs. Default 30.
    - `gibbs_kill_grace`: how long a cancelled job may go on in a process. Default 5, at most half
      of the hub's grace.
    - `gibbs_start_timeout`: how long a process may take to build the class. Default 300.

    TypeError or ValueError for what cannot be.
    """

    def __init__(
        self,
        handlers: Handlers,
        *args: Any,
        gibbs_hub: str | None = None,
        gibbs_host: str | None = None,
        gibbs_port: int | None = None,
        gibbs_method: str = "",
        gibbs_methods: Sequence[str] = (),
        gibbs_slots: int = 1,
        gibbs_isolation: Isolation = "thread",
        gibbs_count: int = 1,
        gibbs_idempotent: bool | None = None,
        gibbs_worker_id: str = "",
        gibbs_name: str = "",
        gibbs_version: str = "",
        gibbs_labels: Mapping[str, str] | None = None,
        gibbs_send_tracebacks: bool = False,
        gibbs_max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        gibbs_connect_timeout: float = 20.0,
        gibbs_drain_timeout: float = 30.0,
        gibbs_kill_grace: float = 5.0,
        gibbs_start_timeout: float = 300.0,
        **kwargs: Any,
    ) -> None:
        _refuse_unknown(kwargs)
        self._target = Target(handlers, args, kwargs, gibbs_method, tuple(gibbs_methods))
        self._options = WorkerOptions(
            hub=hub_address(gibbs_hub, gibbs_host, gibbs_port),
            slots=gibbs_slots,
            isolation=gibbs_isolation,
            count=gibbs_count,
            idempotent=gibbs_idempotent,
            worker_id=gibbs_worker_id,
            name=gibbs_name,
            version=gibbs_version,
            labels=gibbs_labels or {},
            send_tracebacks=gibbs_send_tracebacks,
            max_payload_bytes=gibbs_max_payload_bytes,
            connect_timeout=gibbs_connect_timeout,
            drain_timeout=gibbs_drain_timeout,
            kill_grace=gibbs_kill_grace,
            start_timeout=gibbs_start_timeout,
        )
        self._process: multiprocessing.process.BaseProcess | None = None
        self._life: Life | None = None

    @property
    def hub(self) -> str:
        """The address of the hub."""
        return self._options.hub

    def run(self) -> None:
        """Serves in this process until it is drained: SIGTERM and SIGINT do that, a second one
        ends it at once. GibbsError if the hub refuses the worker for good; whatever the
        constructor of the class raises."""
        asyncio.run(self.serve_until_signalled())

    async def serve(self, on_connected: Callable[[], None] = lambda: None) -> None:
        """As `run`, on an event loop of yours; signals are left to you. `on_connected` is called
        when a hub has welcomed the worker for the first time."""
        self._life = Life(self._make_executor(), self._options, on_connected)
        await self._life.run()

    async def serve_until_signalled(self, on_connected: Callable[[], None] = lambda: None) -> bool:
        """As `serve`, with the signals of `run`. Returns whether a second one ended it."""
        with _shutdown_signals(self.drain, self.close) as steps:
            await self.serve(on_connected)
        return not steps

    def drain(self) -> None:
        """Finishes what runs, then ends `serve`; closes after `gibbs_drain_timeout`."""
        if self._life is not None:
            self._life.drain("the worker is shutting down")

    def close(self) -> None:
        """Ends `serve` at once; the hub sees the worker as lost."""
        if self._life is not None:
            self._life.close()

    def start(self) -> None:
        """Serves in a process of its own, as `multiprocessing.Process.start`. It drains when this
        process ends."""
        if self._process is not None:
            raise RuntimeError("the worker was started already: make another")
        # By default as multiprocessing is set up here, but for a fork that gRPC would not survive.
        method = multiprocessing.get_start_method()
        if method == "fork" and connection.opened_channels > 0:
            method = "spawn"
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=_serve_alone, args=(self,))
        self._process = process
        try:
            process.start()
        except BaseException:
            self._process = None
            raise

    def join(self, timeout: float | None = None) -> None:
        """Waits until the process has ended."""
        self._started().join(timeout)

    def terminate(self) -> None:
        """Drains the process: what runs is finished."""
        self._started().terminate()

    def kill(self) -> None:
        """Ends the process at once."""
        self._started().kill()

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """The id of the process; None before it is started."""
        return None if self._process is None else self._process.pid

    @property
    def exitcode(self) -> int | None:
        """How the process ended, as of `multiprocessing.Process`: 0 after a drain."""
        return None if self._process is None else self._process.exitcode

    def __getstate__(self) -> dict[str, Any]:
        # What another process needs of it.
        return {**self.__dict__, "_process": None, "_life": None}

    def _started(self) -> multiprocessing.process.BaseProcess:
        if self._process is None:
            raise RuntimeError("the worker was not started")
        return self._process

    def _make_executor(self) -> Executor:
        options = self._options
        limits = Limits(options.max_payload_bytes, options.send_tracebacks)
        if options.isolation == "thread":
            return InProcess(self._target, options.slots, limits)
        return ChildPool(
            self._target,
            options.count,
            options.slots,
            limits,
            options.kill_grace,
            options.start_timeout,
        )


def _refuse_unknown(kwargs: Mapping[str, Any]) -> None:
    for name in kwargs:
        if name in ("gibbs_heartbeat_interval", "gibbs_reset_after_n_miss"):
            raise TypeError(f"{name} is set at the hub: see heartbeat and liveness of `gibbs hub`")
        if name.startswith("gibbs_"):
            raise TypeError(f"{name} is no option of a worker")


def _serve_alone(worker: Worker) -> None:
    """The main function of a started worker's process."""
    try:
        asyncio.run(_serve_with_parent(worker))
    except GibbsError as error:
        sys.exit(f"gibbs_worker: {error}")


async def _serve_with_parent(worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            with contextlib.suppress(RuntimeError):  # The loop has ended before.
                loop.call_soon_threadsafe(worker.drain)

    threading.Thread(target=wait, name="gibbs-parent", daemon=True).start()
    await worker.serve_until_signalled()


@contextlib.contextmanager
def _shutdown_signals(*actions: Callable[[], None]) -> Iterator[list[Callable[[], None]]]:
    """Meanwhile each SIGTERM and SIGINT does the next of `actions`. Gives what is left of them."""
    left = list(actions)
    if threading.current_thread() is not threading.main_thread():
        yield left
        return
    loop = asyncio.get_running_loop()

    def on_signal(*_: object) -> None:
        if left:
            loop.call_soon_threadsafe(left.pop(0))

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(signum, on_signal) for signum in signals]
    try:
        yield left
    finally:
        for signum, handler in zip(signals, before):
            signal.signal(signum, handler)
