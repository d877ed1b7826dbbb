"""One request of a client, from its first send to its outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, Union

from ._gen.hub_pb2 import CallResponse, RequestOptions, RequestResponse

if TYPE_CHECKING:
    from .multiplex_stream import MultiplexStream
    from .retry import Retry

Response = Union[CallResponse, RequestResponse]
"""An answer, as the transport received it."""

Metadata = tuple[tuple[str, Union[str, bytes]], ...]

WAITING = 0
"""It has not been written: it certainly does not run."""
SENT = 1
"""It was written: it may run."""
PAUSED = 2
"""It will be sent again after a pause."""
SETTLED = 3
"""It has an outcome, or its caller has gone."""


class Outcome(Protocol):
    """Where the outcome of a call goes: an `asyncio.Future`, or what stands for one in threads."""

    def done(self) -> bool: ...

    def set_result(self, result: Response, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class PendingCall:
    """A request. Whoever holds it moves it from state to state, on the loop of its transport."""

    __slots__ = (
        "connect_by",
        "expires",
        "id",
        "metadata",
        "method",
        "options",
        "outcome",
        "payload",
        "retry",
        "state",
        "stream",
        "timeout",
        "timer",
        "until",
    )

    def __init__(
        self,
        payload: bytes,
        method: str,
        options: RequestOptions | None,
        metadata: Metadata,
        timeout: float,
    ) -> None:
        #: An encoded `Payload`.
        self.payload = payload
        self.method = method
        #: None if every option has its default.
        self.options = options
        self.metadata = metadata
        #: How long the whole call may take, in seconds.
        self.timeout = timeout
        self.state = WAITING
        self.outcome: Outcome
        #: Its deadline, on the loop's clock.
        self.until = 0.0
        #: When it stops waiting for a stream that lasts; 0 while it does not wait.
        self.connect_by = 0.0
        #: When the client stops waiting for what it waits for now.
        self.expires = 0.0
        self.stream: MultiplexStream | None = None
        self.id = 0
        self.retry: Retry | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def request_id(self) -> str | None:
        return (self.options.request_id or None) if self.options is not None else None

    def answer(self, response: Response) -> None:
        self.state = SETTLED
        self.payload = b""
        if not self.outcome.done():
            self.outcome.set_result(response)

    def fail(self, error: Exception) -> None:
        self.state = SETTLED
        self.payload = b""
        if not self.outcome.done():
            self.outcome.set_exception(error)

    def keep_id(self, request_id: str | None) -> None:
        """Sends it with this id from now on, unless it has one."""
        if request_id and self.request_id is None:
            self.options = self.options or RequestOptions()
            self.options.request_id = request_id
