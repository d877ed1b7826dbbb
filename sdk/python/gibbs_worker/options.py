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

RECONNECT = (0.1, 1.0)
"""The initial range of the pause before a worker reconnects."""

RECONNECT_SLOW = (30.0, 5.0)
"""How long the hub must have been away for longer pauses, and the longest of those."""

HAND_OVER_SPACING = 0.2
"""The shortest time from dialling a connection to dialling its successor when it goes away."""

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
"""The range of the pause before a client dials again."""

CONNECT_ATTEMPT = 3.0
"""How long an address has to accept a connection before it is tried again, or the next one is. A
name is looked up again then."""

NEXT_ADDRESS = 0.25
"""How long a name's first address has before the next one is tried beside it."""

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
    """Returns the address of the hub: `hub`, or `host` and `port`, or GIBBS_HUB, or 127.0.0.1:5019.

    `hub` is `host:port`, `[v6]:port`, `:port` or `unix:path`; otherwise raises ValueError.
    """
    if hub is not None and (host is not None or port is not None):
        raise ValueError("give the hub's address, or its host and port, not both")
    if hub is None and host is None and port is None:
        hub = os.environ.get("GIBBS_HUB") or None
    if hub is None:
        host = host or "127.0.0.1"
        hub = (
            f"[{host}]:{port or DEFAULT_PORT}" if ":" in host else f"{host}:{port or DEFAULT_PORT}"
        )
    if re.fullmatch(r"unix:.+", hub):
        return hub
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]*):(\d{1,5})", hub)
    if match is None or int(match[2]) > 65_535:
        raise ValueError(f'"{hub}" is not an address: write host:port, such as 127.0.0.1:5019')
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
