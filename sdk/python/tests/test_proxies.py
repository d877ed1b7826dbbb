"""The HTTP proxies of the environment."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio
from connect_proxy import ConnectProxy

from gibbs_worker import Client
from gibbs_worker.proxy import VARIABLES, is_local, proxy_hint

#: Nothing listens there.
DEAD = "http://user:secret@127.0.0.1:1"


@pytest_asyncio.fixture
async def connect_proxy(raw_hub):
    proxy = ConnectProxy(raw_hub.address, target_speaks_first=True)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
def logged() -> Iterator[asyncio.Queue[str]]:
    """The log lines of the worker."""
    lines: asyncio.Queue[str] = asyncio.Queue()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.put_nowait(record.getMessage())

    handler = Handler()
    logger = logging.getLogger("gibbs_worker")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


async def test_no_proxy_comes_between_this_machine_and_itself(hub, serve, monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, DEAD)
        monkeypatch.setenv(name.upper(), DEAD)
    port = hub.address.rpartition(":")[2]
    serving = serve(len, gibbs_hub=f"localhost:{port}")
    await serving.connected.wait()
    async with Client(hub.address) as client:
        assert await client.request("four") == 4


async def test_a_hub_elsewhere_is_dialled_through_the_proxy(
    raw_hub, serve, connect_proxy, monkeypatch
):
    monkeypatch.setenv("http_proxy", connect_proxy.url)
    serve(len, gibbs_hub="hub.invalid:5019")
    await (await raw_hub.session()).hear("hello")
    head = await connect_proxy.heads.get()
    assert head.startswith("CONNECT hub.invalid:5019 HTTP/1.1\r\n")


async def test_a_failure_names_the_proxy(serve, logged, monkeypatch):
    monkeypatch.setenv("https_proxy", DEAD)
    serve(len, gibbs_hub="hub.invalid:5019")
    line = await logged.get()
    assert "no connection to the hub at hub.invalid:5019" in line
    assert "through the proxy 127.0.0.1:1 that https_proxy names" in line
    assert "add hub.invalid to no_proxy" in line
    assert "secret" not in line


async def test_a_failure_without_a_proxy_names_none(serve, logged, monkeypatch):
    monkeypatch.setenv("http_proxy", DEAD)
    serve(len, gibbs_hub="127.0.0.1:1")
    assert "proxy" not in await logged.get()


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:5019", True),
        ("127.1.2.3:5019", True),
        ("0.0.0.0:5019", True),
        ("[::1]:5019", True),
        ("[::ffff:127.0.0.1]:5019", True),
        ("localhost:5019", True),
        ("localhost.:5019", True),
        ("[::]:5019", True),
        ("LocalHost:5019", True),
        ("hub.localhost:5019", True),
        ("unix:/run/gibbs.sock", True),
        ("10.0.0.1:5019", False),
        ("[2001:db8::1]:5019", False),
        ("[::ffff:10.0.0.1]:5019", False),
        ("localhost.example:5019", False),
        ("hub:5019", False),
    ],
)
def test_what_is_local(address, local):
    assert is_local(address) is local


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, None),
        ({"http_proxy": "http://a:1"}, "a:1 that http_proxy names"),
        ({"http_proxy": "http://a:1", "https_proxy": "http://b:2"}, "b:2 that https_proxy names"),
        ({"https_proxy": "http://b:2", "grpc_proxy": "http://c:3"}, "c:3 that grpc_proxy names"),
        ({"http_proxy": "http://a:1", "https_proxy": ""}, "a:1 that http_proxy names"),
        ({"HTTP_PROXY": "http://a:1", "all_proxy": "http://b:2"}, "a:1 that HTTP_PROXY names"),
        ({"all_proxy": "b:2"}, "b:2 that all_proxy names"),
        # What cannot be used is passed over.
        ({"http_proxy": "socks5://a:1"}, None),
        ({"grpc_proxy": "http://c:port", "http_proxy": "http://a:1"}, "a:1 that http_proxy names"),
        ({"http_proxy": "http://a:1", "no_proxy": "other, 10.0.0.0/8"}, None),
        ({"http_proxy": "http://a:1", "no_proxy": "10.1.2.3"}, None),
        ({"http_proxy": "http://a:1", "no_proxy": "[::ffff:10.1.2.3]"}, None),
        (
            {"http_proxy": "http://a:1", "no_proxy": "11.0.0.0/8,other,x/y"},
            "a:1 that http_proxy names",
        ),
        ({"http_proxy": "http://a:1", "no_proxy": "10.1.2.3", "no_grpc_proxy": ""}, None),
    ],
)
def test_which_proxy_is_used(environment: dict[str, str], named: Any, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    hint = proxy_hint("10.1.2.3:5019")
    assert (f"the proxy {named}" in hint) if named else hint == ""


async def test_the_command_names_the_proxy(monkeypatch, tmp_path):
    monkeypatch.setenv("http_proxy", DEAD)
    command = ("-m", "gibbs_worker", "builtins:len", "--isolation", "thread")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--hub", "hub.invalid:5019", cwd=tmp_path, stderr=-1
    )
    assert process.stderr is not None
    told = ""
    while "no hub at" not in told:
        told = (await process.stderr.readline()).decode()
    assert "through the proxy 127.0.0.1:1 that http_proxy names" in told
    process.kill()
    await process.communicate()
