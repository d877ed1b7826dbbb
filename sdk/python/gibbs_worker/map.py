"""Many requests, a bounded number of them at once."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Iterable,
    Iterator,
)
from typing import Any, Callable, Union

from .io_thread import LOOK_UP, Waiter
from .options import check_whole
from .pending_call import PendingCall, Response

Read = Callable[[Response], Any]
"""Returns the output in an answer, or raises."""

Sending = tuple[Callable[[Any], PendingCall], Callable[[PendingCall], None]]
"""What sends an input, and what gives a call up."""

AnyInputs = Union[Iterable[Any], AsyncIterable[Any]]


def check_map(concurrency: int, options: dict[str, Any]) -> None:
    """Raises ValueError or TypeError for what `map` does not take."""
    check_whole("concurrency", concurrency, 1, 1_000_000)
    for name in options:
        if not name.startswith("gibbs_") or name == "gibbs_request_id":
            raise TypeError(f"{name} is not an option of map")


async def map_on_loop(
    inputs: AnyInputs,
    bind: Callable[[], Awaitable[Sending]],
    read: Read,
    concurrency: int,
    ordered: bool,
) -> AsyncGenerator[Any, None]:
    """Runs every input, up to `concurrency` at once, and yields the outputs. The first failure, of
    an input or a run, ends the iteration and cancels what is in flight; so does leaving it early.

    `bind` returns what sends an input and what gives a call up; outcomes are `asyncio.Future`s.
    """
    start, give_up = await bind()
    run = _Run(start, concurrency, ordered)
    reading = asyncio.ensure_future(run.read(inputs))
    try:
        while True:
            response = await run.take()
            if response is None:
                return
            yield read(response)
    finally:
        reading.cancel()
        for call in run.in_flight.values():
            give_up(call)
        # Inputs that are a generator are closed when this returns.
        await asyncio.gather(reading, return_exceptions=True)


class _Run:
    """Reads inputs and collects outcomes."""

    def __init__(
        self, start: Callable[[Any], PendingCall], concurrency: int, ordered: bool
    ) -> None:
        self._start = start
        self._concurrency = concurrency
        self._ordered = ordered
        #: The calls that were started and not yet taken, in the order of the inputs.
        self.in_flight: dict[Any, PendingCall] = {}
        self._done: deque[Any] = deque()
        self._is_exhausted = False
        self._failure: BaseException | None = None
        self._has_room = asyncio.Event()
        self._has_news = asyncio.Event()

    async def read(self, inputs: AnyInputs) -> None:
        """Starts a call for each input. Does not raise: `take` does."""
        try:
            if isinstance(inputs, AsyncIterable):
                async for data in inputs:
                    await self._run(data)
            else:
                for data in inputs:
                    await self._run(data)
            self._is_exhausted = True
        except Exception as error:
            self._fail(error)
        self._has_news.set()

    async def take(self) -> Response | None:
        """Waits for the next response; None after the last. Raises the first failure."""
        while True:
            if self._failure is not None:
                raise self._failure
            future = self._next()
            if future is not None:
                del self.in_flight[future]
                self._has_room.set()
                response: Response = future.result()
                return response
            elif self._is_exhausted and not self.in_flight:
                return None
            else:
                self._has_news.clear()
                await self._has_news.wait()

    async def _run(self, data: Any) -> None:
        call = self._start(data)
        future: Any = call.outcome
        self.in_flight[future] = call
        future.add_done_callback(self._settled)
        while len(self.in_flight) >= self._concurrency:
            self._has_room.clear()
            await self._has_room.wait()

    def _next(self) -> Any:
        if self._ordered:
            first = next(iter(self.in_flight), None)
            return first if first is not None and first.done() else None
        return self._done.popleft() if self._done else None

    def _settled(self, future: asyncio.Future[Response]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._fail(error)
        elif not self._ordered:
            self._done.append(future)
        self._has_news.set()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error


def map_in_thread(
    inputs: Iterable[Any],
    start: Callable[[Any, Callable[[Waiter], None]], PendingCall],
    give_up: Callable[[PendingCall], None],
    check: Callable[[], None],
    read: Read,
    concurrency: int,
    ordered: bool,
) -> Iterator[Any]:
    """The same for code that is not async. `start` sends an input, and has what is given with it
    called when the call's `Waiter` has an outcome. `check` raises if none will have one."""
    news: queue.SimpleQueue[Waiter] = queue.SimpleQueue()
    in_flight: dict[Waiter, PendingCall] = {}
    done: deque[Waiter] = deque()
    left = iter(inputs)
    is_exhausted = False

    def take(waiter: Waiter) -> None:
        if waiter.error is not None:
            raise waiter.error
        done.append(waiter)

    def ready() -> Waiter | None:
        while not news.empty():
            take(news.get())
        if not ordered:
            return done.popleft() if done else None
        first = next(iter(in_flight), None)
        return first if first is not None and first.response is not None else None

    try:
        while True:
            waiter = ready()
            if waiter is not None:
                del in_flight[waiter]
                assert waiter.response is not None
                yield read(waiter.response)
            elif not is_exhausted and len(in_flight) < concurrency:
                try:
                    call = start(next(left), news.put)
                except StopIteration:
                    is_exhausted = True
                else:
                    in_flight[call.outcome] = call  # type: ignore[index]
            elif in_flight:
                take(_get(news, check))
            else:
                return
    finally:
        for call in in_flight.values():
            give_up(call)


def _get(news: queue.SimpleQueue[Waiter], check: Callable[[], None]) -> Waiter:
    """Waits in slices, as an endless wait would keep some systems from delivering Ctrl-C."""
    while True:
        try:
            return news.get(timeout=LOOK_UP)
        except queue.Empty:
            check()
