"""A worker: serves a function or a class behind a hub."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import multiprocessing.process
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

from . import channels
from .children import ChildPool
from .errors import GibbsError
from .executor import Executor, InProcess, Limits
from .handlers import Handlers, Target
from .life import Life
from .options import MAX_PAYLOAD_BYTES, Isolation, WorkerOptions, hub_address


class Worker:
    """Serves `handlers`, in this process (`run`) or in a separate one (`start`).

        class MyAwesomeModel:
            def __init__(self, wait_time=0.25): ...
            def __call__(self, x): ...

        Worker(MyAwesomeModel, wait_time=0.25).start()

    `handlers` is a function, a class that is instantiated once with `args` and `kwargs` and then
    called, a dict of these by method, or "module:name" to import one of these. Blocking code
    runs in a thread, an `async def` on the event loop: the worker keeps answering the hub in the
    meantime. Code that keeps other threads from running for seconds, as some extensions do, needs
    `gibbs_isolation="process"`; a cancelled job that does not end is then killed, too.

    Options of the worker itself begin with `gibbs_`. Times are in seconds, sizes in bytes:

    - `gibbs_hub`: the hub, `host:port` or `unix:path`, or up to 64 of these separated by commas:
      one that answers is used, chosen at random; or `gibbs_host` and `gibbs_port`. Default: the
      environment variable GIBBS_HUB, or 127.0.0.1:5019.
    - `gibbs_method`: the method that `handlers` serves. Default "", the default method.
    - `gibbs_methods`: the names of methods of the class to serve in addition.
    - `gibbs_slots`: the number of concurrent requests in each process. Default 1.
    - `gibbs_isolation`: "thread" runs handlers in this process, "process" in `gibbs_count` separate
      processes, which are replaced when they die. Default "thread", and 1.
    - `gibbs_idempotent`: whether requests may run again if a worker is lost. Default: the caller
      decides.
    - `gibbs_worker_id`, `gibbs_name`, `gibbs_version`, `gibbs_labels`: for people and tools.
    - `gibbs_send_tracebacks`: whether callers get the traceback of an exception. Default False.
    - `gibbs_max_payload_bytes`: the maximum size of one payload that this worker receives or sends.
      Default 4 MiB.
    - `gibbs_connect_timeout`: for each attempt to reach the hub. Default 20.
    - `gibbs_drain_timeout`: how long a drain waits for running jobs. Default 30.
    - `gibbs_kill_grace`: how long a cancelled job may keep running in a process. Default 5, at most
      half of the hub's grace.
    - `gibbs_start_timeout`: how long a process may take to instantiate the class. Default 300.

    Raises TypeError or ValueError for invalid arguments.
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
        """The address of the hub, or several separated by commas."""
        return self._options.hub

    def run(self) -> None:
        """Serves in this process until it is drained by SIGTERM or SIGINT; a second signal ends it
        immediately. Raises GibbsError if the hub refuses the worker permanently, and whatever the
        constructor of the class raises."""
        asyncio.run(self.serve_until_signalled())

    async def serve(self, on_connected: Callable[[], None] = lambda: None) -> None:
        """Like `run`, but on your event loop, and signals are left to you. `on_connected` is called
        when a hub first welcomes the worker."""
        self._life = Life(self._make_executor(), self._options, on_connected)
        await self._life.run()

    async def serve_until_signalled(self, on_connected: Callable[[], None] = lambda: None) -> bool:
        """Like `serve`, but with the signals of `run`. Returns whether a second one ended it."""
        with _shutdown_signals(self.drain, self.close) as steps:
            await self.serve(on_connected)
        return not steps

    def drain(self) -> None:
        """Lets running jobs finish, then ends `serve`; closes after `gibbs_drain_timeout`."""
        if self._life is not None:
            self._life.drain("the worker is shutting down")

    def close(self) -> None:
        """Ends `serve` immediately; the hub sees the worker as lost."""
        if self._life is not None:
            self._life.close()

    def start(self) -> None:
        """Serves in a separate process, like `multiprocessing.Process.start`. It drains when this
        process ends."""
        if self._process is not None:
            raise RuntimeError("the worker has already been started: create another")
        # The configured start method of multiprocessing, except a fork that gRPC would not survive.
        method = multiprocessing.get_start_method()
        if method == "fork" and channels.has_used_grpc:
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
        """Drains the process: running jobs finish."""
        self._started().terminate()

    def kill(self) -> None:
        """Kills the process immediately."""
        self._started().kill()

    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """The process id; None before it is started."""
        return None if self._process is None else self._process.pid

    @property
    def exitcode(self) -> int | None:
        """The exit code, as in `multiprocessing.Process`: 0 after a drain."""
        return None if self._process is None else self._process.exitcode

    def __getstate__(self) -> dict[str, Any]:
        # Only what another process needs.
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
            raise TypeError(f"{name} is set on the hub: see heartbeat and liveness of `gibbs hub`")
        if name.startswith("gibbs_"):
            raise TypeError(f"{name} is not an option of a worker")


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
            with contextlib.suppress(RuntimeError):  # The loop has already ended.
                loop.call_soon_threadsafe(worker.drain)

    threading.Thread(target=wait, name="gibbs-parent", daemon=True).start()
    await worker.serve_until_signalled()


@contextlib.contextmanager
def _shutdown_signals(*actions: Callable[[], None]) -> Iterator[list[Callable[[], None]]]:
    """Within the context, each SIGTERM or SIGINT runs the next of `actions`. Yields those that
    remain."""
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
