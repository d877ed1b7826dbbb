"""A worker's life: successive sessions with the hub until it is drained."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import socket
from collections.abc import Coroutine
from typing import Any, Callable

from ._gen.worker_pb2 import (
    HEARTBEAT_MODE_ALWAYS,
    IDEMPOTENCY_IDEMPOTENT,
    IDEMPOTENCY_NOT_IDEMPOTENT,
    IDEMPOTENCY_UNSPECIFIED,
    Hello,
    Method,
    Welcome,
    WorkerEvent,
)
from ._version import __version__
from .connection import Connection
from .dial import Dialer
from .errors import GibbsError
from .executor import Executor
from .failures import closed_by_hub
from .hubs import Endpoint, Failure
from .options import ENVELOPE_BYTES, LOOKUP_INTERVAL, RECONNECT_SLOWEST, WorkerOptions
from .proxy import proxy_hint
from .status import well_formed
from .stream import Stream

logger = logging.getLogger("gibbs_worker")

FINAL = {
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "UNIMPLEMENTED",
}
"""Statuses after which reconnecting would be pointless."""

_numbers = itertools.count(1)


class Life:
    """new -> running -> draining -> stopped. Created and used on one event loop."""

    def __init__(
        self, executor: Executor, options: WorkerOptions, on_connected: Callable[[], None]
    ) -> None:
        self._executor = executor
        self._options = options
        host = well_formed(socket.gethostname())
        self._worker_id = options.worker_id or f"{host}-{os.getpid()}-{next(_numbers)}"
        self._instance_id = secrets.token_bytes(16)
        loop = asyncio.get_running_loop()
        self._dialer = Dialer(loop, options.hub, RECONNECT_SLOWEST)
        self._hubs = self._dialer.hubs
        self._phase = "new"
        self._stopping = asyncio.Event()
        self._too_long: asyncio.TimerHandle | None = None
        #: Those that have not ended. All except the last one drain, or will as soon as the last one
        #: is welcomed.
        self._streams: list[Stream] = []
        self._on_connected = on_connected

    async def run(self) -> None:
        """Serves until the worker is drained or closed, or the hub refuses it permanently."""
        if self._phase != "new":
            return
        self._phase = "running"
        try:
            await self._unless_stopped(self._executor.start(self._on_free))
            await self._serve_for_ever()
        finally:
            self._phase = "stopped"
            if self._too_long is not None:
                self._too_long.cancel()
            await self._executor.stop()

    def drain(self, reason: str) -> None:
        """Lets running jobs finish, then ends `run`. Closes after `drain_timeout`."""
        if self._phase not in ("new", "running"):
            return
        logger.info("draining: %s", reason)
        self._phase = "draining"
        self._stopping.set()
        for stream in self._streams:
            stream.drain(reason)
        if self._streams:
            loop = asyncio.get_running_loop()
            self._too_long = loop.call_later(self._options.drain_timeout, self.close)

    def close(self) -> None:
        """Ends `run` immediately. The hub sees the worker as lost."""
        if self._phase in ("new", "running"):
            self._phase = "draining"
        self._stopping.set()
        for stream in self._streams:
            stream.give_up("the worker was stopped")

    async def _serve_for_ever(self) -> None:
        refusal: GibbsError | None = None
        try:
            try:
                await self._keep_connected()
            except GibbsError as error:
                refusal = error
                self.drain("the hub refused the worker")
            if self._streams:
                # Older ones still drain.
                await asyncio.wait([stream.ended for stream in self._streams])
        finally:
            for stream in self._streams:
                stream.ended.cancel()
            ends = [stream.ended for stream in self._streams]
            await asyncio.gather(*ends, return_exceptions=True)
        if refusal is not None:
            raise refusal

    async def _keep_connected(self) -> None:
        """Opens one stream after another, as long as the worker runs."""
        while self._phase == "running":
            connection = await self._find()
            if connection is None:
                return
            stream = self._serve(connection)
            if await stream.until_leaving(self._hubs.size == 1):
                name = stream.endpoint.name
                logger.info("the hub or the connection at %s goes away: opening another", name)
                self._hubs.left(stream.endpoint, stream.since)
                if stream.pause > 0:
                    self._dialer.failed(stream.endpoint, stream.pause)
                # The successor would supersede this stream otherwise, and lose its jobs.
                self._instance_id = secrets.token_bytes(16)
                continue
            end = stream.ended.result()
            wants = end.drain.WhichOneof("next") if end.drain is not None else None
            if wants == "exit":
                self.drain("the hub told it to exit")
            if self._phase != "running":
                return
            self._dialer.failed(stream.endpoint, stream.pause)
            self._on_failure(stream.endpoint, end.error or closed_by_hub())

    async def _find(self) -> Connection | None:
        """Connects to a hub. Returns None if the worker should stop."""

        async def open_at(endpoint: Endpoint) -> Connection:
            connection = Connection(endpoint, self._options.max_payload_bytes)
            await connection.open(self._dialer, self._options.connect_timeout)
            return connection

        def is_needed() -> bool:
            return self._phase == "running"

        search = self._dialer.find(open_at, is_needed, self._on_failure, Connection.close)
        finding = asyncio.ensure_future(search)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({finding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            finding.cancel()
            (found,) = await asyncio.gather(finding, return_exceptions=True)
        if isinstance(found, Connection) and self._phase == "running":
            return found
        if isinstance(found, Connection):
            found.close()
        elif isinstance(found, Exception):
            raise found
        return None

    def _on_failure(self, endpoint: Endpoint | None, why: Failure) -> None:
        """No hub talks there. Raises GibbsError if none will anywhere."""
        name, pause, hint = self._options.hub, LOOKUP_INTERVAL, ""
        if endpoint is not None:
            name, hint = endpoint.name, proxy_hint(endpoint.name)
            pause = max(0.0, endpoint.retry_at - asyncio.get_running_loop().time())
        text = why.message if isinstance(why, GibbsError) else why.strerror or str(why)
        line = "no connection to the hub at %s, dialling again in %d ms: %s%s"
        logger.warning(line, name, pause * 1000, text, hint)
        if endpoint is None:
            return
        endpoint.failure = why
        if not isinstance(why, GibbsError) or not _is_final(why):
            return
        # What a hub says is final. Somebody else's refusal is, if there is nobody else.
        if why.reason != "" or self._hubs.refusal(_is_final) is not None:
            raise _explain_final(why, self._options.hub)

    def _serve(self, connection: Connection) -> Stream:
        stream = Stream(
            self._executor,
            connection,
            self._options,
            self._hello(),
            self._on_welcome,
            is_successor=bool(self._streams),
        )
        self._streams.append(stream)
        stream.ended.add_done_callback(lambda _: self._forget(stream))
        return stream

    def _forget(self, stream: Stream) -> None:
        is_older = stream is not self._streams[-1]
        self._streams.remove(stream)
        if is_older and not stream.ended.cancelled():
            error = stream.ended.result().error
            if error is not None:
                logger.warning("a stream broke before it was drained: %s", error.message)

    async def _unless_stopped(self, work: Coroutine[Any, Any, Any]) -> None:
        """Awaits `work`, but cancels it when the worker should stop."""
        tasks = {asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    def _on_free(self) -> None:
        for stream in self._streams:
            stream.session.offer_slots()

    def _on_welcome(self, welcomed: Stream, welcome: Welcome) -> None:
        self._dialer.worked()
        self._hubs.worked(welcomed.endpoint)
        self._hubs.forgive()
        logger.info("connected to the hub at %s as %s", welcomed.endpoint.name, self._worker_id)
        for method in welcome.rejected_methods:
            logger.warning("the hub sends no requests for the method %r to this worker", method)
        for stream in self._streams:
            if stream is not welcomed:
                stream.drain("its connection is going away")
        welcomed.session.take_over()
        on_connected, self._on_connected = self._on_connected, lambda: None
        on_connected()

    def _hello(self) -> WorkerEvent:
        options = self._options
        idempotency = {
            None: IDEMPOTENCY_UNSPECIFIED,
            True: IDEMPOTENCY_IDEMPOTENT,
            False: IDEMPOTENCY_NOT_IDEMPOTENT,
        }[options.idempotent]
        methods = [Method(name=name, idempotency=idempotency) for name in self._executor.methods]
        return WorkerEvent(
            hello=Hello(
                worker_id=self._worker_id,
                instance_id=self._instance_id,
                name=options.name,
                version=options.version,
                sdk=f"gibbs-py/{__version__}",
                methods=methods,
                labels=options.labels,
                heartbeat_mode=HEARTBEAT_MODE_ALWAYS,
                max_receive_bytes=options.max_payload_bytes + ENVELOPE_BYTES,
            )
        )


def _is_final(error: GibbsError) -> bool:
    return error.code in FINAL or error.reason == "SUPERSEDED"


def _explain_final(error: GibbsError, hub: str) -> GibbsError:
    hint = (
        f"is {hub} a gibbs hub?"
        if error.code == "UNIMPLEMENTED"
        else "connecting again would end the same way"
    )
    message = f"the hub refused this worker: {error.message}; {hint}"
    return GibbsError(error.code, message, reason=error.reason)
