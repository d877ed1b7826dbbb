"""The proxy that the environment names for a hub."""

from __future__ import annotations

import asyncio
import base64
import contextlib
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
    url: str
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
        answer = bytearray()
        while not answer.endswith(b"\r\n\r\n"):
            # One byte more may belong to the hub: a server may speak first.
            received = await loop.sock_recv(sock, 1)
            answer += received
            if not received or len(answer) > MAX_ANSWER_BYTES:
                raise OSError(f"{self} did not answer")
        status = answer.split(b"\r\n", 1)[0].decode(errors="replace")
        if not status.startswith("HTTP/1.") or status.split(" ")[1:2] != ["200"]:
            raise OSError(f"{self} refused: {status[:200]}")


def is_local(address: str) -> bool:
    """Whether the address is on this machine: a Unix socket or a loopback address."""
    return address.startswith("unix:") or _is_loopback(host_of(address))


def find_proxy(host: str) -> Proxy | None:
    """Returns the proxy for that host: of the first variable that names one that can be used. There
    is none for loopback and for what no_proxy lists."""
    if _is_loopback(host) or _is_excepted(host):
        return None
    for name in VARIABLES:
        for variable in (name, name.upper()):
            url = os.environ.get(variable)
            proxy = _parse(variable, url) if url else None
            if proxy is not None:
                return proxy
    return None


def proxy_hint(addresses: str) -> str:
    """Returns what to append to the message of a failed connection to one of several addresses,
    separated by commas: the proxy, without its password, and how to bypass it. Empty if no proxy is
    used."""
    for address in addresses.split(","):
        host = host_of(address)
        proxy = None if is_local(address) else find_proxy(host)
        if proxy is not None:
            return (
                f" (dialled through the proxy {proxy.host}:{proxy.port} that {proxy.variable} "
                f"names; add {host} to no_proxy to bypass it)"
            )
    return ""


def channel_options(proxy: Proxy | None) -> list[tuple[str, str | int]]:
    """Returns what makes a gRPC channel use that proxy, or none."""
    return [("grpc.enable_http_proxy", 0) if proxy is None else ("grpc.http_proxy", proxy.url)]


def _parse(variable: str, url: str) -> Proxy | None:
    """Returns None for what cannot be used, such as a SOCKS proxy."""
    try:
        url = url if "://" in url else f"http://{url}"
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            return None
        authorization = ""
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = "Basic " + base64.b64encode(user.encode()).decode()
        return Proxy(variable, url, parts.hostname, parts.port or 80, authorization)
    except ValueError:  # A port that is not a number.
        return None


def _is_loopback(host: str) -> bool:
    name = _normal(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip = ipaddress.ip_address(name)
    except ValueError:
        return False
    # What is unspecified, such as 0.0.0.0, connects to this machine.
    return ip.is_loopback or ip.is_unspecified


def _normal(host: str) -> str:
    """Returns the one way to write a host of which there are several."""
    name = host.lower().rstrip(".")
    with contextlib.suppress(ValueError):
        ip = ipaddress.ip_address(name)
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return str(ip)
    return name


def host_of(address: str) -> str:
    """Returns the host of `host:port`."""
    return address.rpartition(":")[0].strip("[]")


def _is_excepted(host: str) -> bool:
    for variable in ("no_grpc_proxy", "no_proxy"):
        listed = os.environ.get(variable) or os.environ.get(variable.upper()) or ""
        for entry in listed.split(","):
            name = entry.strip().lower().lstrip("*").strip(".[]")
            if entry.strip() == "*" or (name and _matches(_normal(host), _normal(name))):
                return True
    return False


def _matches(host: str, name: str) -> bool:
    if host == name or host.endswith(f".{name}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
