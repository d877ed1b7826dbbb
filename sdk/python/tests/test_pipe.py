"""Messages between an agent and its processes."""

from __future__ import annotations

import asyncio
import socket

from gibbs_worker._gen.worker_pb2 import Cancel, HubEvent
from gibbs_worker.pipe import Pipe


async def test_messages_arrive_whole_and_in_order_and_then_the_end():
    ours, theirs = socket.socketpair()
    arrived: asyncio.Queue[HubEvent] = asyncio.Queue()

    def receive(events: list[HubEvent]) -> None:
        for event in events:
            arrived.put_nowait(event)

    sender = Pipe(HubEvent.FromString, lambda _: None)
    receiver = Pipe(HubEvent.FromString, receive)
    await sender.open(ours)
    await receiver.open(theirs)
    # The first and the last by themselves, one that takes several reads between small ones.
    sizes = [3, 0, 1, 5_000_000, 2, 70_000, 4]
    sent = [HubEvent(cancel=Cancel(job_id=n, reason="x" * size)) for n, size in enumerate(sizes)]
    for event in sent:
        sender.send(event)
        if event in (sent[0], sent[-2]):
            await sender.flush()
    assert [await arrived.get() for _ in sent] == sent
    sender.close()
    await receiver.closed
    receiver.close()
    await sender.closed
    assert arrived.empty()
