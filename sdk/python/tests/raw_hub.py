"""A hub that a test scripts event by event, over a real connection."""

from __future__ import annotations

import asyncio
from typing import Any

from gibbs_worker import payload  # isort: skip  # Before gRPC.
import grpc
import grpc.aio

from gibbs_worker._gen.payload_pb2 import Payload
from gibbs_worker._gen.worker_pb2 import (
    Cancel,
    HubEvent,
    Job,
    Welcome,
    WorkerEvent,
    WorkRequest,
    WorkResponse,
)

WELCOME = Welcome(
    session_id="s",
    hub_timeout_ms=30_000,
    cancel_grace_ms=30_000,
    max_payload_bytes=4 * 1024 * 1024,
    max_slots=1024,
)


class RawSession:
    """One worker's stream."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._events: asyncio.Queue[WorkerEvent] = asyncio.Queue()
        #: The kinds of all events from the worker, in order.
        self.said: list[str] = []
        self.over = asyncio.Event()
        self.status: tuple[grpc.StatusCode, str] | None = None

    def heard(self, message: WorkRequest) -> None:
        for event in message.events:
            self.said.append(event.WhichOneof("event") or "")
            self._events.put_nowait(event)

    async def send(self, *events: HubEvent, raw: bytes = b"") -> None:
        """Sends events in one message; `raw` is appended to it unchanged."""
        await self._context.write(WorkResponse(events=events).SerializeToString() + raw)

    async def hear(self, kind: str) -> WorkerEvent:
        """Returns the next event of that kind, skipping earlier ones."""
        while True:
            event = await asyncio.wait_for(self._events.get(), 30)
            if event.WhichOneof("event") == kind:
                return event

    async def greet(self, **limits: int) -> WorkerEvent:
        """Waits for hello and ready, then sends welcome. Returns the hello."""
        hello = await self.hear("hello")
        await self.hear("ready")
        welcome = Welcome()
        welcome.CopyFrom(WELCOME)
        welcome.MergeFrom(Welcome(**limits))
        await self.send(HubEvent(welcome=welcome))
        return hello

    def end(self, code: grpc.StatusCode = grpc.StatusCode.OK, message: str = "") -> None:
        """Ends the stream."""
        self.status = (code, message)
        self.over.set()


class RawHub:
    """Waits for workers."""

    def __init__(self) -> None:
        self._server = grpc.aio.server()
        self._sessions: asyncio.Queue[RawSession] = asyncio.Queue()
        self._open: list[RawSession] = []
        self.address = ""

    async def start(self) -> None:
        work = grpc.stream_stream_rpc_method_handler(
            self._work, request_deserializer=WorkRequest.FromString
        )
        service = grpc.method_handlers_generic_handler("gibbs.v1.WorkerService", {"Work": work})
        self._server.add_generic_rpc_handlers((service,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def stop(self) -> None:
        for session in self._open:
            session.over.set()
        await self._server.stop(None)

    async def session(self) -> RawSession:
        """Waits for the next worker that connects."""
        return await asyncio.wait_for(self._sessions.get(), 30)

    async def _work(self, requests: Any, context: Any) -> None:
        session = RawSession(context)
        self._open.append(session)
        self._sessions.put_nowait(session)

        async def read() -> None:
            async for message in requests:
                session.heard(message)

        reading = asyncio.ensure_future(read())
        over = asyncio.ensure_future(session.over.wait())
        await asyncio.wait({reading, over}, return_when=asyncio.FIRST_COMPLETED)
        for task in (reading, over):
            task.cancel()
        session.over.set()
        if session.status is not None and session.status[0] is not grpc.StatusCode.OK:
            await context.abort(*session.status)


def job(job_id: int, data: object = None, **fields: Any) -> HubEvent:
    message = Payload()
    payload.fill(message, data)
    return HubEvent(job=Job(job_id=job_id, payload=message.SerializeToString(), **fields))


def cancel(job_id: int) -> HubEvent:
    return HubEvent(cancel=Cancel(job_id=job_id, reason="nobody waits"))


def answer_of(event: WorkerEvent) -> Any:
    """Returns the answer in a result."""
    assert not event.result.HasField("failure"), event
    return payload.read(Payload.FromString(event.result.payload))
