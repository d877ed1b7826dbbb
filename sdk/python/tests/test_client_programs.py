"""Programs with a client: how they end, fork and use event loops."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
from raw_multiplex import RawMultiplexHub, RawStream, input_of, response, within

from gibbs_worker import Client, GibbsError, SyncClient

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

AT_ONCE = 5
"""Seconds: far less than the time after which an idle stream closes by itself."""

ONE_REQUEST = {
    "async": """
import asyncio
from gibbs_worker import Client

async def main():
    print(await Client().request(1), flush=True)

asyncio.run(main())
""",
    "async, loop left open": """
import asyncio
from gibbs_worker import Client

client = Client()
loop = asyncio.new_event_loop()
print(loop.run_until_complete(client.request(1)), flush=True)
""",
    "sync": """
from gibbs_worker import SyncClient

client = SyncClient()
print(client.request(1), flush=True)
""",
    "sync, in a map": """
from gibbs_worker import SyncClient

client = SyncClient()
answers = client.map([1, 2, 3])
print(next(answers), flush=True)
""",
    "sync, a thread waits": """
import contextlib, threading
from gibbs_worker import GibbsError, SyncClient

client = SyncClient()
print(client.request(1), flush=True)

def wait():
    with contextlib.suppress(GibbsError):  # CLIENT_CLOSED
        client.request(2)

threading.Thread(target=wait, daemon=True).start()
""",
}


class Program:
    """A Python program, with its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, text: str, folder: Path, address: str) -> Program:
        script = folder / "program.py"
        script.write_text(text)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            env={**os.environ, "GIBBS_HUB": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return cls(process)

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await within(self.process.stdout.readline())).decode().strip()

    async def end(self) -> tuple[int | None, str]:
        """Returns its exit code, and what it wrote to stderr."""
        _, err = await asyncio.wait_for(self.process.communicate(), AT_ONCE)
        return self.process.returncode, err.decode()


@pytest.fixture
async def run(tmp_path) -> Any:
    programs: list[Program] = []

    async def run(text: str, address: str) -> Program:
        programs.append(await Program.start(text, tmp_path, address))
        return programs[-1]

    yield run
    for program in programs:
        if program.process.returncode is None:
            program.process.kill()
            await program.process.wait()


async def answer(stream: RawStream, data: object = None) -> None:
    call = await stream.hear()
    stream.send(response(call, data))


async def answer_all(hub: RawMultiplexHub) -> None:
    """Answers every call with its input."""

    async def serve(stream: RawStream) -> None:
        while True:
            call = await stream.hear()
            stream.send(response(call, input_of(call)))

    serving = []
    try:
        while True:
            serving.append(asyncio.ensure_future(serve(await hub.stream())))
    finally:
        for one in serving:
            one.cancel()


@pytest.mark.parametrize("text", ONE_REQUEST.values(), ids=ONE_REQUEST)
async def test_a_program_that_does_not_close_its_client_ends_at_once(multiplex_hub, run, text):
    program = await run(text, multiplex_hub.address)
    stream = await multiplex_hub.stream()
    await answer(stream, "done")
    assert await program.line() == "done"
    assert await program.end() == (0, "")
    await within(stream.closed.wait())


FORKS = {
    "sync": """
import os
from gibbs_worker import SyncClient

client = SyncClient()
print(client.request("parent"), flush=True)
child = os.fork()
if child == 0:
    print(client.request("child"), flush=True)
else:
    assert os.waitpid(child, 0)[1] == 0
    print(client.request("parent again"), flush=True)
""",
    "async": """
import asyncio, os
from gibbs_worker import Client

client = Client()

async def main():
    print(await client.request("parent"), flush=True)
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(in_child())
        finally:
            os._exit(0)
    waiting = asyncio.get_running_loop().run_in_executor(None, os.waitpid, child, 0)
    assert (await waiting)[1] == 0
    print(await client.request("parent again"), flush=True)

async def in_child():
    print(await client.request("child"), flush=True)

asyncio.run(main())
""",
    "multiprocessing": """
import multiprocessing, threading
from gibbs_worker import SyncClient

client = SyncClient()

def work():
    print(client.request("child"), flush=True)

print(client.request("parent"), flush=True)
# Another thread uses the client, and its locks, all the while.
stop = threading.Event()
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
assert child.exitcode == 0
print(client.request("parent again"), flush=True)
""",
}


@pytest.mark.parametrize("text", FORKS.values(), ids=FORKS)
async def test_a_fork_makes_its_own_connection(multiplex_hub, run, text):
    program = await run(text, multiplex_hub.address)
    parents = await multiplex_hub.stream()
    await answer(parents, "parent")
    assert await program.line() == "parent"
    childs = await multiplex_hub.stream()
    await answer(childs, "child")
    assert await program.line() == "child"
    await within(childs.closed.wait())
    # Nothing that the child did or left behind reached the parent's connection.
    assert not parents.closed.is_set()
    assert not parents.half_closed.is_set()
    await answer(parents, "again")
    assert await program.line() == "again"
    code, err = await program.end()
    assert code == 0, err


FORK_IN_A_MAP = """
import os
from gibbs_worker import GibbsError, SyncClient

client = SyncClient()
answers = client.map(range(4), concurrency=2)
print(next(answers), flush=True)
child = os.fork()
if child == 0:
    try:
        list(answers)
    except GibbsError as error:
        print(error.reason, client.request("child"), flush=True)
else:
    assert os.waitpid(child, 0)[1] == 0
    print(list(answers), flush=True)
"""


async def test_a_fork_in_the_middle_of_a_map(multiplex_hub, run):
    """The map is its parent's: in the child it ends, and the client is of use."""
    program = await run(FORK_IN_A_MAP, multiplex_hub.address)
    stream = await multiplex_hub.stream()
    call, waiting = await stream.hear(), await stream.hear()
    stream.send(response(call, 0))
    assert await program.line() == "0"
    await answer(await multiplex_hub.stream(), "child")
    assert await program.line() == "CLIENT_CLOSED child"
    stream.send(response(waiting, 1))
    for _ in range(2):
        call = await stream.hear()
        stream.send(response(call, input_of(call)))
    assert await program.line() == "[1, 2, 3]"
    code, err = await program.end()
    assert code == 0, err


PRELOADED = r"""
import os, sys
from concurrent.futures import ThreadPoolExecutor
from gibbs_worker import SyncClient

client = SyncClient()
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(client.request, range(100))) == list(range(100))
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        with ThreadPoolExecutor(8) as pool:
            ok = list(pool.map(client.request, range(100))) == list(range(100))
        os.write(1, b"ok\n" if ok else b"wrong\n")
        sys.exit(0)
    children.append(child)
assert list(client.map(range(100))) == list(range(100))
for child in children:
    assert os.waitpid(child, 0)[1] == 0
"""


async def test_workers_that_are_forked_from_a_preloaded_program(hub, run, serve):
    """As gunicorn --preload does, with 32 threads in all."""
    serve(lambda x: x, gibbs_hub=hub.address, gibbs_slots=8)
    program = await run(PRELOADED, hub.address)
    assert [await program.line() for _ in range(4)] == ["ok"] * 4
    code, err = await program.end()
    assert code == 0, err


async def test_a_client_on_two_loops_at_once(multiplex_hub):
    client = Client(multiplex_hub.address)
    here = asyncio.ensure_future(client.request("here"))
    first = await multiplex_hub.stream()
    call = await first.hear()
    there = asyncio.ensure_future(asyncio.to_thread(asyncio.run, client.request("there")))
    second = await multiplex_hub.stream()
    await answer(second, "there")
    assert await there == "there"
    # The other loop has ended, and its connection with it.
    await within(second.closed.wait())
    first.send(response(call, "here"))
    assert await here == "here"
    await client.close()
    await within(first.closed.wait())


async def test_a_loop_that_was_closed_with_a_request_on_it(multiplex_hub):
    client = Client(multiplex_hub.address)
    ready = threading.Event()

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(client.request("abandoned"))
        loop.call_later(0, lambda: None)
        loop.run_until_complete(asyncio.wait({task}, timeout=0.01))
        ready.set()
        task.cancel()
        loop.run_until_complete(asyncio.wait({task}))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    await asyncio.to_thread(abandon)
    again = asyncio.ensure_future(client.request("again"))
    while True:
        stream = await multiplex_hub.silent_stream()
        await asyncio.wait(
            {asyncio.ensure_future(e.wait()) for e in (stream.opened, stream.closed)},
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not stream.closed.is_set():
            break
    await stream.greet()
    await answer(stream, "again")
    assert await again == "again"
    await client.close()


async def test_a_loop_that_goes_on_after_its_generators_were_closed(multiplex_hub):
    answering = asyncio.ensure_future(answer_all(multiplex_hub))

    async def two_requests() -> list[Any]:
        async with Client(multiplex_hub.address) as client:
            first = await client.request(1)
            await asyncio.get_running_loop().shutdown_asyncgens()
            return [first, await client.request(2)]

    with warnings.catch_warnings():
        # asyncio warns of generators that are used after that.
        warnings.simplefilter("ignore", ResourceWarning)
        assert await asyncio.to_thread(asyncio.run, two_requests()) == [1, 2]
    answering.cancel()


async def test_a_client_keeps_nothing_of_the_loops_that_have_ended(multiplex_hub):
    client = Client(multiplex_hub.address)
    answering = asyncio.ensure_future(answer_all(multiplex_hub))
    loops: list[weakref.ref[Any]] = []

    async def ask(x: int) -> Any:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return await client.request(x)

    for x in range(3):
        assert await asyncio.to_thread(asyncio.run, ask(x)) == x
    assert await client.request("here") == "here"
    gc.collect()
    assert [loop() for loop in loops] == [None] * 3
    await client.close()
    answering.cancel()


async def test_a_client_that_nobody_holds_closes_its_connection(multiplex_hub):
    async def ask() -> Any:
        return await Client(multiplex_hub.address).request(1)

    request = asyncio.ensure_future(ask())
    stream = await multiplex_hub.stream()
    await answer(stream, "done")
    assert await request == "done"
    gc.collect()
    await within(stream.closed.wait())


INTERRUPTED = {
    "sync": """
from gibbs_worker import SyncClient
client = SyncClient()
print("ready", flush=True)
client.request(1)
""",
    "sync map": """
from gibbs_worker import SyncClient
client = SyncClient()
print("ready", flush=True)
list(client.map([1, 2]))
""",
    "async": """
import asyncio
from gibbs_worker import Client
async def main():
    print("ready", flush=True)
    async with Client() as client:
        await client.request(1)
asyncio.run(main())
""",
    "async map": """
import asyncio
from gibbs_worker import Client
async def main():
    print("ready", flush=True)
    async with Client() as client:
        print([answer async for answer in client.map([1, 2])])
asyncio.run(main())
""",
}


@pytest.mark.parametrize("phase", ["connecting", "opening", "waiting"])
@pytest.mark.parametrize("text", INTERRUPTED.values(), ids=INTERRUPTED)
async def test_ctrl_c_in_every_phase(multiplex_hub, run, text, phase):
    program = await run(text, multiplex_hub.address)
    assert await program.line() == "ready"
    stream = await multiplex_hub.silent_stream()
    await within(stream.opened.wait())
    if phase == "connecting":
        # It dials again, and again.
        for _ in range(2):
            stream.cut()
            stream = await multiplex_hub.silent_stream()
        stream.cut()
    if phase == "waiting":
        await stream.greet()
        await stream.hear()
    program.process.send_signal(signal.SIGINT)
    code, err = await program.end()
    assert code != 0
    assert err.rstrip().endswith("KeyboardInterrupt"), err
    assert "Traceback" in err
    if sys.version_info >= (3, 11):
        # Older ones raise KeyboardInterrupt in whatever task is running.
        assert "never retrieved" not in err
        assert "was destroyed" not in err
    await within(stream.closed.wait())


async def test_a_request_while_python_exits(multiplex_hub, run):
    """Neither hangs: not in an exit handler, nor when objects are finalized."""
    program = await run(
        """
import atexit, os
from gibbs_worker import GibbsError, SyncClient

client = SyncClient()

def at_exit():
    try:
        print(client.request("at exit"), flush=True)
    except (GibbsError, RuntimeError) as error:
        print(type(error).__name__, flush=True)

class Late:
    def __del__(self, client=client, write=os.write):
        try:
            client.request("late")
        except Exception as error:
            write(1, b"refused\\n")

atexit.register(at_exit)
print(client.request("first"), flush=True)
late = Late()
""",
        multiplex_hub.address,
    )
    answering = asyncio.ensure_future(answer_all(multiplex_hub))
    assert await program.line() == "first"
    # By then the client may have been closed; newer Pythons start no thread that late.
    assert await program.line() in ("at exit", "RuntimeError")
    assert await program.line() == "refused"
    answering.cancel()
    code, err = await program.end()
    assert code == 0, err


async def test_a_hub_that_goes_away_between_settings_and_the_first_call(multiplex_hub):
    """Its caller notices nothing: the call had not been sent."""
    async with Client(multiplex_hub.address) as client:
        request = asyncio.ensure_future(client.request(1))
        first = await multiplex_hub.silent_stream()
        await within(first.opened.wait())
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await first.greet()
        first.cut()
        await within(first.closed.wait())
        later = asyncio.ensure_future(client.request(2))
        second = await multiplex_hub.stream()
        await answer(second, "answered")
        assert await later == "answered"


async def test_a_hub_that_is_killed_and_restarted_between_requests(start_hub, serve):
    hub = start_hub()
    serve(lambda x: x + 1, gibbs_hub=hub.address, gibbs_slots=4)
    with SyncClient(hub.address) as client:
        assert await asyncio.to_thread(client.request, 1) == 2
        hub.kill()
        start_hub(listen=hub.address)
        assert await asyncio.to_thread(client.request, 2) == 3


async def test_no_request_fails_while_a_hub_restarts_gracefully(start_hub, serve):
    hub = start_hub()
    serve(lambda x: x, gibbs_hub=hub.address, gibbs_slots=8)
    stop = threading.Event()
    asked = 0

    def ask(client: SyncClient, start: int) -> int:
        count = 0
        while not stop.is_set():
            count += 1
            assert client.request(start + count) == start + count
        return count

    async def ask_async(client: Client) -> int:
        count = 0
        while not stop.is_set():
            count += 1
            assert await client.request(count) == count
        return count

    async with Client(hub.address) as client, Client(hub.address, transport="unary") as unary:
        with SyncClient(hub.address) as sync_client:
            asking = [
                *(asyncio.ensure_future(ask_async(unary)) for _ in range(4)),
                *(asyncio.ensure_future(ask_async(client)) for _ in range(4)),
                *(asyncio.ensure_future(asyncio.to_thread(ask, sync_client, n)) for n in range(3)),
            ]
            for _ in range(2):
                assert await client.request("before") == "before"
                hub.process.terminate()
                await asyncio.to_thread(hub.process.wait)
                hub = await asyncio.to_thread(start_hub, listen=hub.address)
                assert await client.request("after") == "after"
            stop.set()
            asked = sum(await asyncio.gather(*asking))
    assert asked > 0


async def test_the_error_of_a_name_that_cannot_be_looked_up():
    async with Client("no-such-host.invalid:5019", connect_timeout=0.5) as client:
        with pytest.raises(GibbsError) as caught:
            await client.request(1)
    assert caught.value.reason == "NOT_CONNECTED"
    assert "no-such-host.invalid" in caught.value.message
