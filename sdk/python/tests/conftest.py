"""Hubs for the tests: a real one, and one that a test scripts itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from raw_hub import RawHub
from raw_multiplex import RawMultiplexHub

from gibbs_worker import Client, Worker
from gibbs_worker.proxy import VARIABLES

ROOT = Path(__file__).resolve().parents[3]


class HubProcess:
    """A real hub, including options that its command does not offer."""

    def __init__(self, options: dict[str, Any]) -> None:
        command = ["node", "test/fixtures/hub.js", json.dumps(options)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.address = self.line("listening on ").split()[-1]

    def line(self, start: str) -> str:
        """Returns the next line of its log that starts with `start`."""
        while True:
            line = self._lines.get(timeout=30)
            if line.startswith(start):
                return line

    async def heard(self, start: str) -> str:
        """Like `line`, but without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(None, self.line, start)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self._lines.put(line)


StartHub = Callable[..., HubProcess]


@pytest.fixture
def start_hub() -> Iterator[StartHub]:
    """Starts a real hub, which is killed when the test ends."""
    hubs: list[HubProcess] = []

    def start(**options: Any) -> HubProcess:
        hubs.append(HubProcess(options))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.kill()


@pytest.fixture
def hub(start_hub: StartHub) -> HubProcess:
    return start_hub()


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[HubProcess]:
    """A hub for tests that leave nothing behind on it; `serve` waits until their workers left."""
    hub = HubProcess({})
    yield hub
    hub.kill()


@pytest_asyncio.fixture
async def client(hub: HubProcess) -> AsyncIterator[Client]:
    async with Client(hub.address, connect_timeout=20) as client:
        yield client


@pytest_asyncio.fixture
async def raw_hub() -> AsyncIterator[RawHub]:
    hub = RawHub()
    await hub.start()
    yield hub
    await hub.stop()


class Serving:
    """A worker that serves on the test's event loop."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.connected = asyncio.Event()
        self.ended = asyncio.ensure_future(worker.serve(self.connected.set))

    async def stop(self) -> None:
        self.worker.close()
        with contextlib.suppress(Exception):
            await self.ended


@pytest_asyncio.fixture
async def serve(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Serving]]:
    """Serves with the arguments of `Worker(...)` until the test ends."""
    all_serving: list[Serving] = []

    def start(handlers: Any, *args: Any, **options: Any) -> Serving:
        all_serving.append(Serving(Worker(handlers, *args, **options)))
        return all_serving[-1]

    yield start
    for serving in all_serving:
        await serving.stop()
    if "shared_hub" in request.fixturenames:
        hub: HubProcess = request.getfixturevalue("shared_hub")
        for serving in all_serving:
            if serving.connected.is_set():
                await hub.heard("worker l")  # "left" or "lost"


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIBBS_HUB", raising=False)
    monkeypatch.delenv("GIBBS_LOG_LEVEL", raising=False)
    for name in (*VARIABLES, "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest_asyncio.fixture
async def multiplex_hub() -> AsyncIterator[RawMultiplexHub]:
    hub = RawMultiplexHub()
    await hub.start()
    yield hub
    await hub.stop()


class Clock:
    """Moves the time of the test's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ahead = 0.0
        self._real = loop.time
        loop.time = lambda: self._real() + self._ahead  # type: ignore[method-assign]

    def move(self, seconds: float) -> None:
        """Timers that are due then run next."""
        self._ahead += seconds
        # Has the loop look at its timers.
        self._loop.call_soon(lambda: None)


@pytest_asyncio.fixture
async def clock() -> Clock:
    return Clock(asyncio.get_running_loop())
