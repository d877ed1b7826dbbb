"""Several addresses of a hub, of which only some answer."""

from __future__ import annotations

import asyncio
import functools
import re
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from asking import KINDS, Asking, same
from raw_hub import WELCOME, RawHub, answer_of, job
from raw_multiplex import DRAIN, RawMultiplexHub, message_frame, response, within
from strangers import DEAD, Names, Strangers, fake_names

from gibbs_worker import Client, GibbsError, Hub, SyncClient, Worker, dial, http2
from gibbs_worker._gen.worker_pb2 import HubDrain, HubEvent
from gibbs_worker.hubs import Hubs


@pytest_asyncio.fixture
async def strangers() -> AsyncIterator[Strangers]:
    strangers = Strangers()
    await strangers.start()
    yield strangers
    await strangers.stop()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return fake_names(monkeypatch)


@pytest.fixture
def first_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the chance out of the choice: the first address that is due is tried."""
    monkeypatch.setattr(dial, "Hubs", functools.partial(Hubs, choose=lambda due: due[0]))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_finds_the_hub_among_dead_and_wrong_addresses(
    first_due, shared_hub, serve, strangers, kind
):
    await serve(same, gibbs_hub=shared_hub.address).connected.wait()
    async with Asking(kind, ", ".join([DEAD, *strangers.all, shared_hub.address])) as client:
        await client.ask(1)
        await client.ask(2)


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_is_tried_first(shared_hub, serve, strangers, kind):
    await serve(same, gibbs_hub=shared_hub.address).connected.wait()
    addresses = ",".join([DEAD, *strangers.all, shared_hub.address])
    for _ in range(3):
        async with Asking(kind, addresses) as client:
            await asyncio.gather(*(client.ask(n) for n in range(4)))


async def test_a_worker_finds_the_hub_among_dead_and_wrong_addresses(
    first_due, shared_hub, serve, strangers
):
    addresses = ",".join([DEAD, *strangers.all, shared_hub.address])
    await serve(same, gibbs_hub=addresses).connected.wait()
    async with Client(shared_hub.address) as client:
        assert await client.request(1) == 1


async def test_the_hub_of_the_original_and_the_command_take_lists(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("GIBBS_HUB", f"{DEAD},{hub.address}")
    command = ("-m", "gibbs_worker", "builtins:len", "--isolation", "thread")
    worker = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert f"for {DEAD},{hub.address}" in (await worker.stdout.readline()).decode()
    async with Hub() as client:
        assert await client.request("four") == 4
    worker.terminate()
    await worker.communicate()
    assert worker.returncode == 0


async def test_sockets_and_ports_mix(start_hub, serve, tmp_path):
    hub = start_hub(listen=f"unix:{tmp_path}/hub.sock")
    addresses = f"unix:{tmp_path}/no.sock,{DEAD},unix:{tmp_path}/hub.sock"
    await serve(same, gibbs_hub=addresses).connected.wait()
    for kind in KINDS:
        async with Asking(kind, addresses) as client:
            await client.ask()
    hub.kill()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_with_a_dead_and_a_good_address(shared_hub, serve, names, kind):
    port = int(shared_hub.address.rpartition(":")[2])
    names["hub.test"] = [("127.0.0.1", 1), ("127.0.0.1", port)]
    await serve(same, gibbs_hub="hub.test:5019").connected.wait()
    async with Asking(kind, "hub.test:5019") as client:
        await client.ask()


@pytest.mark.parametrize("kind", [*KINDS, "worker"])
async def test_a_name_that_cannot_be_looked_up_for_a_while(shared_hub, serve, names, kind):
    lookups = 0

    def look_up() -> list[tuple[str, int]]:
        nonlocal lookups
        lookups += 1
        if lookups == 1:
            raise OSError(-3, "Temporary failure in name resolution")
        return [("127.0.0.1", int(shared_hub.address.rpartition(":")[2]))]

    names["hub.test"] = look_up
    if kind == "worker":
        await serve(same, gibbs_hub="hub.test:5019").connected.wait()
    else:
        await serve(same, gibbs_hub=shared_hub.address).connected.wait()
        async with Asking(kind, "hub.test:5019") as client:
            await client.ask()
    assert lookups == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_no_call_fails_when_a_hub_stops_and_another_runs(start_hub, serve, kind):
    hubs = {(hub := start_hub()).address: hub for _ in range(2)}
    for address in hubs:
        worker = serve(same, gibbs_hub=address, gibbs_worker_id=address, gibbs_slots=4)
        await worker.connected.wait()
    async with Asking(kind, ",".join(hubs)) as client:
        used = await client.ask()
        is_over = False
        under_way = asyncio.Event()

        async def ask_on() -> set[str]:
            answered = set()
            while not is_over:
                answered.add(await client.ask())
                under_way.set()
            return answered

        asking = [asyncio.ensure_future(ask_on()) for _ in range(4)]
        await under_way.wait()
        stopping = hubs.pop(used)
        stopping.process.terminate()
        await asyncio.to_thread(stopping.process.wait)
        assert [await client.ask()] == list(hubs)
        is_over = True
        assert used in set.union(*await asyncio.gather(*asking))


@pytest.mark.parametrize("kind", KINDS)
async def test_another_hub_takes_over_from_one_that_is_killed(start_hub, serve, kind):
    hubs = {(hub := start_hub()).address: hub for _ in range(2)}
    for address in hubs:
        await serve(same, gibbs_hub=address, gibbs_worker_id=address).connected.wait()
    async with Asking(kind, ",".join(hubs)) as client:
        used = await client.ask()
        hubs.pop(used).kill()
        assert [await client.ask(gibbs_idempotent=True)] == list(hubs)


async def test_a_worker_goes_on_to_another_hub(start_hub, serve):
    hubs = [start_hub(), start_hub()]
    serve(same, gibbs_hub=",".join(hub.address for hub in hubs))
    arrived = [asyncio.ensure_future(hub.heard("worker connected")) for hub in hubs]
    await asyncio.wait(arrived, return_when=asyncio.FIRST_COMPLETED)
    used, other = (0, 1) if arrived[0].done() else (1, 0)
    hubs[used].process.terminate()
    await arrived[other]
    async with Client(hubs[other].address) as client:
        assert await client.request(1) == 1


async def test_a_worker_leaves_a_draining_hub_while_its_job_runs(first_due, serve):
    hubs = [RawHub(), RawHub()]
    for hub in hubs:
        await hub.start()
    gate = asyncio.Event()
    started = asyncio.Event()

    async def wait(data: object) -> object:
        started.set()
        await gate.wait()
        return data

    serve(wait, gibbs_hub=",".join(hub.address for hub in hubs), gibbs_slots=2)
    old = await hubs[0].session()
    first = (await old.greet()).hello
    await old.send(job(1, "long"))
    await started.wait()
    await old.send(HubEvent(drain=HubDrain(reconnect_after_ms=60_000)))
    new = await hubs[1].session()
    assert (await new.hear("hello")).hello.instance_id != first.instance_id
    await new.send(HubEvent(welcome=WELCOME))
    # The slot of the job stays with the old stream until the job has ended.
    assert (await new.hear("ready")).ready.slots == 1
    gate.set()
    assert answer_of(await old.hear("result")) == "long"
    assert (await new.hear("ready")).ready.slots == 1
    for hub in hubs:
        await hub.stop()


GOAWAY = http2.frame(http2.GOAWAY, 0, 0, struct.pack(">II", 2**31 - 1, 0))


@pytest.mark.parametrize("goodbye", [message_frame(DRAIN), GOAWAY])
async def test_a_hub_that_says_goodbye_is_left_for_another(first_due, multiplex_hub, goodbye):
    other = RawMultiplexHub()
    await other.start()
    async with Client(f"{multiplex_hub.address},{other.address}") as client:
        first = asyncio.ensure_future(client.request(1))
        stream = await multiplex_hub.stream()
        item = await stream.hear()
        stream.write(goodbye)
        second = asyncio.ensure_future(client.request(2))
        successor = await other.stream()
        successor.send(response(await successor.hear(), "other"))
        assert await within(second) == "other"
        # What runs there is answered there.
        stream.send(response(item, "first"))
        assert await within(first) == "first"
    await other.stop()


async def test_a_refused_stream_is_opened_elsewhere_at_once(first_due, multiplex_hub):
    other = RawMultiplexHub()
    await other.start()
    async with Client(f"{multiplex_hub.address},{other.address}") as client:
        request = asyncio.ensure_future(client.request(1))
        stream = await multiplex_hub.silent_stream()
        await within(stream.opened.wait())
        stream.write(http2.settings({}), stream.header_frame({":status": "200"}))
        stream.end(14, "draining")
        elsewhere = await other.stream()
        elsewhere.send(response(await elsewhere.hear(), "there"))
        assert await within(request) == "there"
    await other.stop()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_error_names_the_list_and_the_last_failure(names, kind):
    names["hub.test"] = OSError(-2, "Name or service not known")
    async with Asking(kind, f"hub.test:5019,{DEAD}", connect_timeout=0.5) as client:
        with pytest.raises(GibbsError) as caught:
            await client.ask()
    assert (caught.value.reason, caught.value.execution) == ("NOT_CONNECTED", "NOT_STARTED")
    assert f"no hub answers at hub.test:5019,{DEAD}" in caught.value.message
    assert f"last: {DEAD}: " in caught.value.message or "hub.test cannot" in caught.value.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2])
async def test_only_servers_that_are_not_hubs(strangers, kind, count):
    addresses = ",".join([strangers.grpc, strangers.all[1]][:count])
    async with Asking(kind, addresses) as client:
        with pytest.raises(GibbsError) as caught:
            await client.ask()
    assert (caught.value.code, caught.value.reason) == ("UNIMPLEMENTED", "NOT_A_HUB")
    assert count == 1 or addresses in caught.value.message


async def test_a_worker_that_finds_no_hub_anywhere(strangers, serve):
    addresses = f"{strangers.grpc},{strangers.all[1]}"
    with pytest.raises(GibbsError) as caught:
        await serve(same, gibbs_hub=addresses).ended
    assert caught.value.code == "UNIMPLEMENTED"
    assert f"is {addresses} a gibbs hub?" in caught.value.message


BAD_LISTS = [
    ("a:1,,b:2", 'an address is missing in "a:1,,b:2"'),
    ("a:1,", 'an address is missing in "a:1,"'),
    ("a:1, b:2, a:1", 'the hub address "a:1" is listed twice'),
    (":5019,127.0.0.1:5019", 'the hub address "127.0.0.1:5019" is listed twice'),
    ("a:1,b", '"b" in "a:1,b" is not an address: write host:port'),
    ("a:1,b:0", '"b:0" in "a:1,b:0" is not an address'),
    ("a:1,b:70000", "with a port from 1 to 65535"),
    ("a:1,b:http", '"b:http" in "a:1,b:http" is not an address'),
    ("a:1;b:2", '"a:1;b:2" is not an address'),
    ("http://a:1", '"http://a:1" is not an address'),
    ("a:1,unix:", '"unix:" in "a:1,unix:" is not an address'),
    ("unix:" + "p" * 104, "the path of a Unix socket can have at most 103 bytes, not 104"),
    (",".join(f"a:{n}" for n in range(1, 66)), "65 hub addresses are more than 64"),
]


@pytest.mark.parametrize(("given", "told"), BAD_LISTS)
def test_lists_that_are_wrong(monkeypatch, given, told):
    makers: list[Callable[[], object]] = [
        lambda: Client(given),
        lambda: SyncClient(given),
        lambda: Worker(same, gibbs_hub=given),
    ]
    for make in makers:
        with pytest.raises(ValueError, match=re.escape(told)):
            make()
    monkeypatch.setenv("GIBBS_HUB", given)
    with pytest.raises(ValueError, match=re.escape(told)):
        Hub()
