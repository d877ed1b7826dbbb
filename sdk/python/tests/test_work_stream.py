"""A worker's stream: what it does on HTTP/2, how it is dialled, and what a fork inherits of it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

import pytest
from going_away import GoingAwayProxy
from raw_hub import WELCOME, answer_of, job
from strangers import NOT_A_HUB, fake_names

from gibbs_worker import Client
from gibbs_worker._gen.worker_pb2 import Heartbeat, HubEvent
from gibbs_worker.options import MAX_BATCH_BYTES


async def test_a_message_that_is_too_large_ends_the_stream(raw_hub, serve, caplog):
    caplog.set_level(logging.WARNING, "gibbs_worker")
    serve(len, gibbs_hub=raw_hub.address, gibbs_max_payload_bytes=1000)
    session = await raw_hub.session()
    await session.greet()
    await session.send(job(1, bytes(300_000)))
    again = await raw_hub.session()
    await again.greet()
    assert "a message has 300" in caplog.text
    await again.send(job(1, b"four"))
    assert answer_of(await again.hear("result")) == 4


async def test_large_results_of_one_tick_arrive_in_order(raw_hub, serve):
    async def inflate(size: int) -> bytes:
        return bytes(size)

    serve(inflate, gibbs_hub=raw_hub.address, gibbs_slots=40)
    session = await raw_hub.session()
    await session.greet()
    sizes = [MAX_BATCH_BYTES // 4, MAX_BATCH_BYTES + 1, 10, MAX_BATCH_BYTES - 100] * 10
    await session.send(*(job(n, size) for n, size in enumerate(sizes, 1)))
    for n, size in enumerate(sizes, 1):
        result = await session.hear("result")
        assert (result.result.job_id, len(answer_of(result))) == (n, size)
    assert (await session.hear("ready")).ready.slots == 40
    assert session.said.count("heartbeat") == 10
    await session.send(HubEvent(heartbeat=Heartbeat()))
    await session.hear("heartbeat")


async def test_a_connection_that_goes_away_before_its_welcome_hands_over_after_it(raw_hub, serve):
    proxy = GoingAwayProxy(raw_hub.address)
    await proxy.start()
    serve(len, gibbs_hub=proxy.address)
    connection = await proxy.connection()
    old = await raw_hub.session()
    await old.hear("ready")
    connection.go_away()
    await old.send(HubEvent(welcome=WELCOME))
    new = await raw_hub.session()
    await new.hear("hello")
    assert "drain" not in old.said
    await new.send(HubEvent(welcome=WELCOME))
    await old.hear("drain")
    assert (await new.hear("ready")).ready.slots == 1
    await proxy.stop()


async def test_a_name_with_a_dead_a_wrong_and_a_good_address(hub, serve, monkeypatch):
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(NOT_A_HUB)
        await reader.read()
        writer.close()

    wrong = await asyncio.start_server(accept, "127.0.0.1", 0)
    good = int(hub.address.rpartition(":")[2])
    ports = [1, wrong.sockets[0].getsockname()[1], good]
    fake_names(monkeypatch)["hub.test"] = [("127.0.0.1", port) for port in ports]
    await serve(len, gibbs_hub="hub.test:5019").connected.wait()
    async with Client(hub.address) as client:
        assert await client.request("four") == 4
    wrong.close()


async def test_a_unix_socket(start_hub, serve, tmp_path):
    hub = start_hub(listen=f"unix:{tmp_path}/hub.sock")
    await serve(len, gibbs_hub=f"unix:{tmp_path}/hub.sock").connected.wait()
    await hub.heard("worker connected")


FORKS = """
import asyncio, os, sys
from gibbs_worker import Worker

def fork():
    if os.fork() == 0:
        os.write(1, b"forked\\n")
        sys.stdin.read()
        os._exit(0)

asyncio.run(Worker(len).serve(fork))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_a_forked_process_does_not_keep_the_connection_open(start_hub):
    hub = start_hub(livenessTimeoutMs=3_600_000)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FORKS),
        stdin=-1,
        stdout=-1,
        env={**os.environ, "GIBBS_HUB": hub.address},
    )
    assert program.stdout is not None
    assert await program.stdout.readline() == b"forked\n"
    await hub.heard("worker connected")
    program.send_signal(signal.SIGKILL)
    await hub.heard("worker lost")
    # The end of its input ends the child.
    await program.communicate(b"")
