"""The HTTP proxies of the environment, as gRPC obeys them."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
"""The variables that gRPC reads, in this order: the first one that is set counts, even if empty."""

EXCEPTION_VARIABLES = ("no_grpc_proxy", "no_proxy")
"""Likewise, the variables that list hosts to connect to without the proxy."""


def is_local(address: str) -> bool:
    """Whether the address is on this machine: a Unix socket or a loopback address."""
    if address.startswith("unix:"):
        return True
    host = _host(address)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    ip = _ip(host)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    # What is unspecified, such as 0.0.0.0, connects to this machine.
    return ip is not None and (ip.is_loopback or ip.is_unspecified)


def proxy_hint(address: str) -> str:
    """Returns what to append to the message of a failed connection: the proxy, without its
    password, and how to bypass it. Empty if no proxy is used."""
    name = _first_set(PROXY_VARIABLES)
    if name is None or is_local(address):
        return ""
    proxy = urlsplit(os.environ[name])
    if proxy.scheme != "http" or not proxy.hostname or _is_excepted(_host(address)):
        return ""
    where = proxy.netloc.rpartition("@")[2]
    return (
        f" (dialled through the proxy {where} that {name} names; "
        f"add {_host(address)} to no_proxy to bypass it)"
    )


def _is_excepted(host: str) -> bool:
    name = _first_set(EXCEPTION_VARIABLES)
    entries = os.environ[name].split(",") if name is not None else []
    return any(_matches(host, entry.strip().lower()) for entry in entries if entry != "")


def _matches(host: str, entry: str) -> bool:
    """Whether an entry of no_proxy, the end of a name or a subnet, covers the host."""
    if host.endswith(entry):
        return True
    ip = _ip(host)
    try:
        return ip is not None and "/" in entry and ip in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _first_set(names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in os.environ), None)


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]").lower()


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
