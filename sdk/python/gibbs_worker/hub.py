"""A client with the name, the arguments and the retries of the Python library `gibbs`."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from .client import Client, TransportName
from .errors import GibbsError, GibbsTimeoutError
from .options import MAX_PAYLOAD_BYTES, check_whole, hub_address

LOST = ("WORKER_LOST", "ATTEMPTS_EXHAUSTED", "HUB_SHUTDOWN", "CONNECTION_LOST", "TRANSPORT")
"""The reasons of requests that may have run, but will have no answer."""


class Hub(Client):
    """A client of a running hub, with the name and arguments that it has in the Python library
    `gibbs`. Start the hub itself with `gibbs hub`."""

    def __init__(
        self,
        port: int | None = None,
        *,
        host: str | None = None,
        timeout: float = 600.0,
        connect_timeout: float = 20.0,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        transport: TransportName = "multiplex",
    ) -> None:
        """Default: the environment variable GIBBS_HUB, or port 5019 of 127.0.0.1."""
        super().__init__(
            hub_address(None, host, port),
            timeout=timeout,
            connect_timeout=connect_timeout,
            max_payload_bytes=max_payload_bytes,
            transport=transport,
        )

    async def request(self, *args: Any, gibbs_retries: int = 0, **kwargs: Any) -> Any:
        """Same as `Client.request`, except that it also raises GibbsTimeoutError if `gibbs_timeout`
        passes before there is a connection to a hub.

        `gibbs_retries`: how many times it is sent again when `gibbs_timeout` has passed, or when
        its worker or the connection was lost; -1 means no limit. Each time has `gibbs_timeout`, and
        the time that one lost early has left, unless there is no limit. A second run must do no
        harm: the first worker is told to stop, but may already have done it.
        """
        check_whole("gibbs_retries", gibbs_retries, -1)
        timeout = kwargs.get("gibbs_timeout")
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                return await super().request(*args, **kwargs)
            except GibbsError as error:
                left = math.inf
                if timeout is not None:
                    left = kwargs["gibbs_timeout"] - (loop.time() - started)
                timed_out = isinstance(error, GibbsTimeoutError) or _is_late(error, left)
                if gibbs_retries == 0 or not (timed_out or error.reason in LOST):
                    if timed_out and not isinstance(error, GibbsTimeoutError):
                        raise _no_hub_in_time(error) from error
                    raise
                if gibbs_retries > 0:
                    gibbs_retries -= 1
                    if timeout is not None:
                        kwargs["gibbs_timeout"] = timeout + max(left, 0)


def _is_late(error: GibbsError, left: float) -> bool:
    """Whether a client, with `left` seconds to go, has given up waiting for a connection."""
    return left <= 0 and error.code == "UNAVAILABLE" and error.execution == "NOT_STARTED"


def _no_hub_in_time(error: GibbsError) -> GibbsTimeoutError:
    return GibbsTimeoutError(
        "DEADLINE_EXCEEDED",
        error.message,
        reason="NO_ANSWER",
        execution=error.execution,
        request_id=error.request_id,
    )
