"""How a client reaches its hub: addresses, names, proxies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from connect_proxy import CONNECTED, ConnectProxy
from raw_multiplex import RawMultiplexHub, RawStream, response, within
from strangers import NOT_A_HUB, NOT_HTTP2, Names, fake_names

from gibbs_worker import Client, GibbsError, proxy
from gibbs_worker.options import hub_address


async def ask_one(hub: RawMultiplexHub, address: str) -> RawStream:
    """Has one request answered through that address."""
    async with Client(address) as client:
        request = asyncio.ensure_future(client.request(1))
        stream = await hub.stream()
        stream.send(response(await stream.hear(), "answered"))
        assert await within(request) == "answered"
    return stream


async def test_a_unix_socket(tmp_path):
    hub = RawMultiplexHub()
    path = str(tmp_path / "hub.sock")
    hub._server = await asyncio.start_unix_server(hub._accept, path)
    stream = await ask_one(hub, f"unix:{path}")
    assert stream.headers[b":authority"] == b"localhost"
    await hub.stop()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return fake_names(monkeypatch)


async def test_a_name_with_a_dead_address_and_a_good_one(multiplex_hub, names):
    port = int(multiplex_hub.address.rpartition(":")[2])
    names["hub.test"] = [("127.0.0.1", 1), ("127.0.0.1", port)]
    stream = await ask_one(multiplex_hub, "hub.test:5019")
    assert stream.headers[b":authority"] == b"hub.test:5019"


async def test_a_name_with_a_dead_a_wrong_and_a_good_address(multiplex_hub, names):
    """The wrong ones accept connections, and say what no hub says."""
    wrong: list[asyncio.AbstractServer] = []
    for words in (NOT_HTTP2, NOT_A_HUB):

        async def accept(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: bytes = words
        ) -> None:
            writer.write(words)
            await reader.read()
            writer.close()

        wrong.append(await asyncio.start_server(accept, "127.0.0.1", 0))
    ports = [1, *(server.sockets[0].getsockname()[1] for server in wrong)]
    ports.append(int(multiplex_hub.address.rpartition(":")[2]))
    names["hub.test"] = [("127.0.0.1", port) for port in ports]
    await ask_one(multiplex_hub, "hub.test:5019")
    for server in wrong:
        server.close()


async def test_a_name_that_moves_or_cannot_be_looked_up_for_a_while(multiplex_hub, names):
    host, _, port = multiplex_hub.address.rpartition(":")
    async with Client("hub.test:5019") as client:
        names["hub.test"] = OSError(-2, "Name or service not known")
        request = asyncio.ensure_future(client.request(1))
        await asyncio.sleep(0)
        names["hub.test"] = [(host, 1)]
        await asyncio.sleep(0)
        names["hub.test"] = [(host, int(port))]
        first = await multiplex_hub.stream()
        first.send(response(await first.hear(), 1))
        assert await within(request) == 1
        # The hub moves: it is gone from where it was, and has another address.
        other = RawMultiplexHub()
        await other.start()
        names["hub.test"] = [(host, int(other.address.rpartition(":")[2]))]
        await multiplex_hub.stop()
        await within(first.closed.wait())
        again = asyncio.ensure_future(client.request(2))
        second = await other.stream()
        second.send(response(await second.hear(), 2))
        assert await within(again) == 2
    await other.stop()


@pytest.fixture
async def start_proxy(multiplex_hub) -> AsyncIterator[Callable[..., Any]]:
    proxies: list[ConnectProxy] = []

    async def start(answer: bytes = CONNECTED, target: str = "", **how: bool) -> ConnectProxy:
        proxies.append(ConnectProxy(target or multiplex_hub.address, answer, **how))
        await proxies[-1].start()
        return proxies[-1]

    yield start
    for one in proxies:
        await one.stop()


@pytest.mark.parametrize("variable", ["grpc_proxy", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
async def test_through_a_proxy(multiplex_hub, start_proxy, monkeypatch, variable):
    through = await start_proxy()
    monkeypatch.setenv(variable, through.url)
    await ask_one(multiplex_hub, "hub.example:5019")
    head = await through.heads.get()
    assert head.startswith("CONNECT hub.example:5019 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in head


async def test_a_server_that_speaks_first_through_a_proxy(hub, serve, start_proxy, monkeypatch):
    serve(len, gibbs_hub=hub.address)
    through = await start_proxy(target=hub.address, target_speaks_first=True)
    monkeypatch.setenv("http_proxy", through.url)
    async with Client("hub.example:5019") as client:
        assert await client.request("four") == 4
    assert through.heads.qsize() == 1


async def test_a_proxy_that_refuses(start_proxy, monkeypatch):
    through = await start_proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    monkeypatch.setenv("http_proxy", through.url)
    async with Client("hub.example:5019", connect_timeout=0.3) as client:
        with pytest.raises(GibbsError) as caught:
            await client.request(1)
    assert (caught.value.reason, caught.value.execution) == ("NOT_CONNECTED", "NOT_STARTED")
    assert "403 Forbidden" in caught.value.message
    assert "http_proxy" in caught.value.message
    assert "no_proxy" in caught.value.message


async def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("all_proxy", "127.0.0.1:1")
    async with Client("hub.example:5019", connect_timeout=0.2) as client:
        with pytest.raises(GibbsError) as caught:
            await client.request(1)
    assert "the proxy 127.0.0.1:1 (all_proxy; no_proxy lists exceptions)" in caught.value.message


async def test_loopback_needs_no_proxy(multiplex_hub, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    await ask_one(multiplex_hub, multiplex_hub.address)


async def test_nor_do_workers_and_unary_clients(hub, serve, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    serve(len, gibbs_hub=hub.address)
    async with Client(hub.address, transport="unary") as client:
        assert await client.request("four") == 4


async def test_a_unary_client_through_a_proxy(hub, serve, start_proxy, monkeypatch):
    through = await start_proxy(target=hub.address)
    serve(len, gibbs_hub=hub.address)
    monkeypatch.setenv("all_proxy", through.url)
    async with Client("hub.example:5019", transport="unary") as client:
        assert await client.request("four") == 4
    head = await through.heads.get()
    assert head.startswith("CONNECT hub.example:5019 HTTP/1.")


@pytest.mark.parametrize(
    ("host", "listed", "is_direct"),
    [
        ("hub.example", "hub.example", True),
        ("hub.example", "other, .example", True),
        ("hub.example", "ample", False),
        ("hub.example", "*", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "192.168.0.0/16", False),
        ("10.1.2.3", "::ffff:10.1.2.3", True),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("hub.example.", "hub.example", True),
        ("localhost", "", True),
        ("localhost.", "", True),
        ("0.0.0.0", "", True),
        ("::ffff:127.0.0.1", "", True),
        ("127.8.8.8", "", True),
        ("::1", "", True),
        ("hub.example", "", False),
    ],
)
def test_what_needs_no_proxy(monkeypatch, host, listed, is_direct):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", listed)
    found = proxy.find_proxy(host)
    assert (found is None) == is_direct
    if found is not None:
        assert (found.host, found.port) == ("proxy.example", 3128)


def test_a_variable_that_does_not_name_a_proxy(monkeypatch):
    for url in ("ftp://proxy.example", "http://", "http://proxy.example:port"):
        monkeypatch.setenv("grpc_proxy", url)
        assert proxy.find_proxy("hub.example") is None


async def test_a_name_that_no_dns_could_hold():
    name = "x" * 70
    async with Client(f"{name}.test:5019", connect_timeout=0.3) as client:
        with pytest.raises(GibbsError) as caught:
            await client.request(1)
    assert caught.value.reason == "NOT_CONNECTED"
    assert f"{name}.test cannot be looked up" in caught.value.message


def test_addresses_are_checked_early():
    assert hub_address("unix:/run/hub.sock") == "unix:/run/hub.sock"
    with pytest.raises(ValueError, match="is not an address"):
        Client("http://hub:5019")
