"""One stream to the hub, from hello to the end of its call: a session on a connection."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

from ._gen.worker_pb2 import HubDrain, Welcome, WorkerEvent
from .connection import Connection
from .errors import GibbsError
from .executor import Executor
from .hubs import Endpoint
from .options import WorkerOptions
from .session import Session, SessionEnd


class Stream:
    """Says hello at once. `on_welcome` is called when the hub has answered."""

    def __init__(
        self,
        executor: Executor,
        connection: Connection,
        options: WorkerOptions,
        hello: WorkerEvent,
        on_welcome: Callable[[Stream, Welcome], None],
        *,
        is_successor: bool,
    ) -> None:
        self._connection = connection
        loop = asyncio.get_running_loop()
        self._hub_drains: asyncio.Future[HubDrain] = loop.create_future()
        self.session = Session(
            executor,
            self._connection,
            hello,
            options.connect_timeout,
            lambda welcome: on_welcome(self, welcome),
            self._on_hub_drain,
            is_successor=is_successor,
        )
        lead = executor.lead(self._connection)
        if lead is not None:
            self._connection.lend_by(lead, lambda: self.session.is_idle)
        self.ended: asyncio.Task[SessionEnd] = loop.create_task(self._serve())

    @property
    def endpoint(self) -> Endpoint:
        """Where it leads."""
        return self._connection.endpoint

    @property
    def since(self) -> float:
        """When its connection was made, on the loop's clock."""
        return self._connection.since

    @property
    def pause(self) -> float:
        """How long its hub wants to be left alone, in seconds."""
        if not self._hub_drains.done():
            return 0.0
        return self._hub_drains.result().reconnect_after_ms / 1000

    async def until_leaving(self, is_alone: bool) -> bool:
        """Waits until the stream has ended, or its connection takes no more calls (GOAWAY), or,
        unless its hub `is_alone`, until that drains. Returns whether it has not ended, and another
        stream should take over from this one."""
        waiting: set[asyncio.Future[Any]] = {self.ended, self._connection.going_away}
        if not is_alone:
            waiting.add(self._hub_drains)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not self.ended.done() and not self.session.serving:
            moves = not is_alone and self._hub_drains.done()
            if not moves or self._hub_drains.result().exit:
                await asyncio.wait({self.ended})
        return not self.ended.done()

    def drain(self, reason: str) -> None:
        """Lets running jobs finish, then ends the stream."""
        if self.session.welcomed:
            self.session.drain(reason)
        else:
            self.give_up(reason)

    def give_up(self, reason: str) -> None:
        """Ends the stream immediately. The hub sees its jobs as lost."""
        self._connection.give_up(GibbsError("CANCELLED", reason))

    def _on_hub_drain(self, drain: HubDrain) -> None:
        if not self._hub_drains.done():
            self._hub_drains.set_result(drain)

    async def _serve(self) -> SessionEnd:
        error: GibbsError | None = None
        try:
            error = await self._connection.serve(self.session.receive)
        finally:
            end = self.session.ended(error)
        return end
