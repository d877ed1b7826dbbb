"""The proxy that the environment names for a hub."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy")
"""Where a proxy is looked for, in this order, each also in capitals."""

MAX_ANSWER_BYTES = 16 * 1024
"""The longest answer of a proxy that is read."""


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that connects on request (CONNECT)."""

    #: The variable that names it.
    variable: str
    host: str
    port: int
    #: The value of `proxy-authorization`, or empty.
    authorization: str

    def __str__(self) -> str:
        return f"the proxy {self.host}:{self.port} ({self.variable}; no_proxy lists exceptions)"

    async def tunnel(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, target: str
    ) -> None:
        """Asks for a connection to `target`. Raises OSError if the proxy does not make it."""
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
        if self.authorization:
            head += f"Proxy-Authorization: {self.authorization}\r\n"
        await loop.sock_sendall(sock, f"{head}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            # One byte more would belong to the hub, but it speaks only when spoken to.
            received = await loop.sock_recv(sock, MAX_ANSWER_BYTES)
            answer += received
            if not received or len(answer) > MAX_ANSWER_BYTES:
                raise OSError(f"{self} did not answer")
        status = answer.split(b"\r\n", 1)[0].decode(errors="replace")
        if not status.startswith("HTTP/1.") or status.split(" ")[1:2] != ["200"]:
            raise OSError(f"{self} refused: {status[:200]}")


def find_proxy(host: str) -> Proxy | None:
    """Returns the proxy for that host. There is none for loopback and for what no_proxy lists."""
    if _is_loopback(host) or _is_excepted(host):
        return None
    for name in VARIABLES:
        for variable in (name, name.upper()):
            url = os.environ.get(variable)
            if url:
                return _parse(variable, url)
    return None


def _parse(variable: str, url: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("only http://host:port is supported")
        authorization = ""
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = "Basic " + base64.b64encode(user.encode()).decode()
        return Proxy(variable, parts.hostname, parts.port or 80, authorization)
    except ValueError as error:
        raise OSError(f"{variable} does not name a proxy: {error}") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_excepted(host: str) -> bool:
    for variable in ("no_grpc_proxy", "no_proxy"):
        listed = os.environ.get(variable) or os.environ.get(variable.upper()) or ""
        for entry in listed.split(","):
            name = entry.strip().lower().lstrip("*").lstrip(".")
            if entry.strip() == "*" or (name and _matches(host.lower(), name)):
                return True
    return False


def _matches(host: str, name: str) -> bool:
    if host == name or host.endswith(f".{name}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
