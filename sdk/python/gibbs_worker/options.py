"""Options and constants, with units and defaults. Times are in seconds, sizes in bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DEFAULT_PORT = 5019
"""The port on which hubs listen by default."""

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
ENVELOPE_BYTES = 256 * 1024
"""The space reserved in a message for everything except one payload: the transport's limit is the
sum of both."""

MAX_BATCH_BYTES = 256 * 1024
"""The size at which a batch of events is sent; a larger event is sent alone."""

SMALL_BYTES = 8 * 1024
"""The size up to which an input or an answer needs one read or write."""

READ_BYTES = 64 * 1024
"""How much is read at once."""

QUICK = 0.002
"""How long a handler may take for its thread to read the next request itself."""

HOLD = 1.0
"""How long a worker holds a job whose slot has vanished before it gives the job back."""

RECONNECT_SLOW = 30.0
"""How long no hub must have been there for a worker to make longer pauses."""

RECONNECT_SLOWEST = 5.0
"""The longest of those."""

RESPAWN = (0.05, 5.0)
"""The range of the pause before a dead process is replaced."""

RESPAWN_PROVEN = 10.0
"""How long a process must have lived for these pauses to start over."""

RETRY = (0.05, 1.0)
"""The range of the pause before a client resends a request that a restarting hub did not accept."""

DEFAULT_ATTEMPTS = 3
"""How many times an idempotent request is started, unless its caller says otherwise."""

ANSWER_GRACE = 1.0
"""How long a client waits beyond the deadline for the hub to report that it has passed."""

MAX_TIMEOUT = 99_999.0
"""The longest deadline of a call: 27 hours."""

MAX_UNSENT_BYTES = 256 * 1024 * 1024
"""How many bytes of requests may wait in a client to be sent. A single request may exceed it."""

IDLE_STREAM = 5.0
"""A client's stream without requests is closed after at most twice this time."""

CLOSE_TIMEOUT = 5.0
"""How long a client waits for the end of a stream that it has half-closed."""

DIAL = (0.1, 1.0)
"""The range of the pause before an address is dialled again where no hub answered, or where a
connection lasted for less than the longest pause."""

CONNECT_ATTEMPT = 3.0
"""How long an address has to accept a connection before that attempt has failed."""

NEXT_ADDRESS = 0.25
"""How long one address is tried alone before the next one is tried beside it."""

LOOKUP_INTERVAL = 1.0
"""The shortest time between two lookups of a name."""

LOOKUP_PATIENCE = 1.0
"""How long the addresses that a name had before wait for a lookup that has started."""

LOOKUP_TIMEOUT = 5.0
"""After this time a lookup that has not ended is reported as failed. Its name is not looked up
again until it has."""

MAX_ADDRESSES = 64
"""The maximum number of addresses in a list, and of those behind one name."""

MAX_SOCKET_PATH = 103
"""The longest path of a Unix socket, in bytes, that every system supports."""

SETTINGS_TIMEOUT = 20.0
"""How long a hub has to send the first item of a stream."""

KEEPALIVE_TIME = 30.0
"""How long a connection is silent before it is sent a ping."""

KEEPALIVE_TIMEOUT = 20.0
"""How long the peer has to answer that ping."""

MAX_MESSAGE_BYTES = 1024 * 1024 * 1024
"""The largest message that a client takes from its hub. Answers have a limit of their own."""

Isolation = Literal["thread", "process"]


@dataclass(frozen=True)
class WorkerOptions:
    """A worker's options. See `Worker` for what each is for."""

    hub: str
    slots: int
    isolation: Isolation
    count: int
    idempotent: bool | None
    worker_id: str
    name: str
    version: str
    labels: Mapping[str, str]
    send_tracebacks: bool
    max_payload_bytes: int
    connect_timeout: float
    drain_timeout: float
    kill_grace: float
    start_timeout: float

    def __post_init__(self) -> None:
        check_whole("slots", self.slots, 1)
        check_whole("count", self.count, 1, 10_000)
        if self.isolation == "thread" and self.count != 1:
            raise ValueError('several processes need isolation "process"; several slots do not')
        check_whole("max_payload_bytes", self.max_payload_bytes, 1, 2**31 - 1 - ENVELOPE_BYTES)
        for name in ("connect_timeout", "drain_timeout", "kill_grace", "start_timeout"):
            check_span(name, getattr(self, name))
        if self.isolation not in ("thread", "process"):
            raise ValueError(f'isolation is "thread" or "process", not {self.isolation!r}')
        for name in ("worker_id", "name", "version"):
            check_text(name, getattr(self, name))
        for key, value in self.labels.items():
            check_text("a label", key)
            check_text(f"the label {key}", value)


def hub_address(hub: str | None = None, host: str | None = None, port: int | None = None) -> str:
    """Returns where the hub may be: `hub`, or `host` and `port`, or GIBBS_HUB, or 127.0.0.1:5019.

    `hub` is a list, separated by commas, of `host:port`, `[v6]:port`, `:port` (loopback) or
    `unix:path`. Otherwise raises ValueError.
    """
    if hub is not None and (host is not None or port is not None):
        raise ValueError("give the hub's address, or its host and port, not both")
    if hub is None and host is None and port is None:
        # An empty variable is one that is not set.
        hub = os.environ.get("GIBBS_HUB") or None
    if hub is None:
        host = host or "127.0.0.1"
        at = port or DEFAULT_PORT
        hub = f"[{host}]:{at}" if ":" in host else f"{host}:{at}"
    listed = split_addresses(hub)
    if len(listed) > MAX_ADDRESSES:
        raise ValueError(f"{len(listed)} hub addresses are more than {MAX_ADDRESSES}")
    checked = [_check_address(address, hub) for address in listed]
    twice = next((one for index, one in enumerate(checked) if one in checked[:index]), None)
    if twice is not None:
        raise ValueError(f'the hub address "{twice}" is listed twice in "{hub}": remove one')
    return ",".join(checked)


def split_addresses(hub: str) -> list[str]:
    """Returns the addresses of a list."""
    return [address.strip() for address in hub.split(",")]


def _check_address(address: str, listed: str) -> str:
    where = f' in "{listed}"' if listed != address else ""
    if address == "" and where:
        raise ValueError(f"an address is missing{where}: separate addresses by single commas")
    if re.fullmatch(r"unix:.+", address):
        size = len(os.fsencode(address)) - len("unix:")
        if size > MAX_SOCKET_PATH:
            limit = f"can have at most {MAX_SOCKET_PATH} bytes"
            raise ValueError(f"the path of a Unix socket {limit}, not {size}: {address}")
        return address
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]*):([0-9]{1,5})", address)
    if match is None or not 0 < int(match[2]) <= 65_535:
        hint = "write host:port, such as 127.0.0.1:5019, with a port from 1 to 65535"
        raise ValueError(f'"{address}"{where} is not an address: {hint}')
    return f"{match[1] or '127.0.0.1'}:{match[2]}"


def check_whole(name: str, value: object, least: int, most: int = 2**32 - 1) -> None:
    """Raises ValueError unless `value` is a whole number within its bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")


def check_span(name: str, value: object) -> None:
    """Raises ValueError unless `value` is a non-negative number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(f"{name} must be a number of seconds, not {value!r}")


def check_text(name: str, value: object) -> None:
    """Raises TypeError or ValueError unless the value is text that UTF-8 can encode."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} has a lone surrogate, which cannot be sent") from None


def check_metadata(given: Mapping[str, str | bytes]) -> list[tuple[str, str | bytes]]:
    """Returns the metadata with lower-case keys. Raises ValueError for what gRPC cannot send: it
    takes printable ASCII text, and bytes under keys ending in "-bin"."""
    checked = []
    for key, value in given.items():
        name = key.lower()
        is_fitting = (
            isinstance(value, bytes)
            if name.endswith("-bin")
            else isinstance(value, str) and re.fullmatch(r"[ -~]*", value) is not None
        )
        if not is_fitting or name.startswith("grpc-") or not re.fullmatch(r"[0-9a-z_.-]+", name):
            kind = "bytes" if name.endswith("-bin") else "printable ASCII"
            raise ValueError(f"the metadata {key} must have a valid gRPC key and be {kind}")
        checked.append((name, value))
    return checked
