"""A worker process: runs handlers, and does not use gRPC. It lives as long as its agent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import traceback

from ._gen.worker_pb2 import Hello, HubEvent, Method, WorkerDrain, WorkerEvent
from .executor import Cancel, InProcess, Limits
from .frames import frame, read_frames
from .handlers import Target
from .outcome import with_id


def serve_child(ours: socket.socket, target: Target, slots: int, limits: Limits) -> None:
    """Serves the agent at the other end of `ours`, exchanging hub and worker events."""
    # Ctrl-C reaches the whole process group: the agent drains, and this process must stay alive
    # until it has. Not SIG_IGN, because processes started by the handler would inherit it.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: None)
    asyncio.run(_serve(ours, InProcess(target, slots, limits)))


async def _serve(ours: socket.socket, executor: InProcess) -> None:
    reader, writer = await asyncio.open_connection(sock=ours)

    def tell(event: WorkerEvent) -> None:
        writer.write(frame(event))

    async def start() -> None:
        try:
            await executor.start(lambda: None)
        except BaseException:
            tell(WorkerEvent(drain=WorkerDrain(reason=traceback.format_exc())))
            await writer.drain()
            _exit(1)
        tell(WorkerEvent(hello=Hello(methods=[Method(name=name) for name in executor.methods])))

    starting = asyncio.ensure_future(start())
    cancels: dict[int, Cancel] = {}
    async for event in read_frames(reader, HubEvent.FromString):
        if event.HasField("job"):
            job = event.job

            def done(ended: WorkerEvent, job_id: int = job.job_id) -> None:
                cancels.pop(job_id, None)
                tell(with_id(ended, job_id))

            cancels[job.job_id] = executor.run(job, done)
        elif event.cancel.job_id in cancels:
            cancels[event.cancel.job_id](event.cancel.reason)
    starting.cancel()
    # The agent has gone, for whatever reason: the results of running jobs are no longer wanted.
    _exit(0)


def _exit(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
