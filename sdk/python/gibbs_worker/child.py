"""A worker process: runs handlers, and does not use gRPC. It lives as long as its agent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import traceback

from ._gen.worker_pb2 import Hello, HubEvent, Job, Method, WorkerDrain, WorkerEvent
from .child_pipe import ChildPipe
from .executor import Cancel, InProcess, Limits
from .handlers import Target
from .outcome import with_id
from .status import well_formed


def serve_child(ours: socket.socket, target: Target, slots: int, limits: Limits) -> None:
    """Serves the agent at the other end of `ours`, exchanging hub and worker events."""
    # Ctrl-C reaches the whole process group: the agent drains, and this process must stay alive
    # until it has. Not SIG_IGN, because processes started by the handler would inherit it.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: None)
    asyncio.run(_serve(ours, InProcess(target, slots, limits)))


async def _serve(ours: socket.socket, executor: InProcess) -> None:
    jobs: dict[int, Cancel | None] = {}

    def receive(events: list[HubEvent]) -> None:
        for event in events:
            if event.HasField("job"):
                run(event.job)
            elif (cancel := jobs.get(event.cancel.job_id)) is not None:
                cancel(event.cancel.reason)

    def run(job: Job) -> None:
        job_id = job.job_id

        def done(ended: WorkerEvent) -> None:
            del jobs[job_id]
            pipe.send(with_id(ended, job_id))

        jobs[job_id] = None
        cancel = executor.run(job, done)
        # Unless it has already ended.
        if job_id in jobs:
            jobs[job_id] = cancel

    pipe = ChildPipe(ours, receive, lambda: not jobs)
    pipe.lead = executor.lead(pipe)
    await pipe.open(ours)
    starting = asyncio.ensure_future(_start(executor, pipe))
    await pipe.closed
    starting.cancel()
    # The agent has gone, for whatever reason: the results of running jobs are no longer wanted.
    _exit(0)


async def _start(executor: InProcess, pipe: ChildPipe) -> None:
    try:
        await executor.start(lambda: None)
    except BaseException:
        reason = well_formed(traceback.format_exc())
        pipe.send(WorkerEvent(drain=WorkerDrain(reason=reason)))
        await pipe.flush()
        _exit(1)
    pipe.send(WorkerEvent(hello=Hello(methods=[Method(name=name) for name in executor.methods])))


def _exit(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
