"""The names and arguments of the Python library `gibbs`, on gibbs-worker, for its own test file.

The original's hub lives in the program that calls it. Here it is a process, which each `Worker` and
`Hub` of this shim starts on its port unless it is running.
"""

from __future__ import annotations

import atexit
import os
import subprocess
from pathlib import Path
from typing import Any

import gibbs_worker
from gibbs_worker import UserCodeException

__all__ = ["Hub", "UserCodeException", "Worker"]

DEFAULT_PORT = 5019
COMMAND = ["node", str(Path(__file__).resolve().parents[5] / "bin/gibbs.js"), "hub", "--listen"]

_hubs: dict[int, subprocess.Popen[str]] = {}
_owner = os.getpid()


class Worker(gibbs_worker.Worker):
    """A worker whose heartbeat is left to the hub."""

    def __init__(
        self,
        worker_cls: Any,
        *args: Any,
        gibbs_port: int = DEFAULT_PORT,
        gibbs_heartbeat_interval: float = 1,
        gibbs_reset_after_n_miss: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(worker_cls, *args, gibbs_port=gibbs_port, **kwargs)
        self._port = gibbs_port

    def start(self) -> None:
        _start_hub(self._port)
        super().start()
        # A failed test leaves it running, and multiprocessing would wait for it.
        atexit.register(self.kill)


class Hub(gibbs_worker.Hub):
    """A client that stops its hub when it is deleted."""

    def __init__(
        self,
        port: int = DEFAULT_PORT,
        heartbeat_interval: float = 1,
        resp_buffer_size: int = 4096,
    ) -> None:
        super().__init__(port)
        self._port: int | None = None
        self._wanted_port = port

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        self._port = self._wanted_port
        _start_hub(self._port)
        return await super().request(*args, **kwargs)

    def __del__(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            _stop_hub(port)


def _start_hub(port: int) -> None:
    """Starts a hub on `port` unless it is running, and waits until it listens."""
    if port in _hubs:
        return
    hub = subprocess.Popen([*COMMAND, f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
    _hubs[port] = hub
    assert hub.stdout is not None
    if not hub.stdout.readline():
        raise OSError(f"no hub can listen on port {port}")


def _stop_hub(port: int) -> None:
    # A forked worker has a copy of everything here.
    hub = _hubs.pop(port, None)
    if hub is None or os.getpid() != _owner:
        return
    hub.kill()
    hub.communicate()


@atexit.register
def _stop_hubs() -> None:
    for port in [*_hubs]:
        _stop_hub(port)
