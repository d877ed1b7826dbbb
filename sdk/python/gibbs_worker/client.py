"""A client of one hub."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, Union

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from . import payload
from ._gen.hub_pb2 import RequestOptions, RequestRequest, RequestResponse
from .backoff import Backoff
from .connection import open_channel
from .errors import Code, GibbsError, GibbsTimeoutError, make_error
from .options import (
    ANSWER_GRACE,
    DEFAULT_ATTEMPTS,
    ENVELOPE_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_TIMEOUT,
    RETRY,
    check_metadata,
    check_span,
    check_whole,
    hub_address,
)
from .status import duration, from_rpc_error, seconds

Metadata = Sequence[tuple[str, Union[str, bytes]]]
_C = TypeVar("_C", bound="Client")

BARE_REASONS = {
    "UNAVAILABLE": ("CONNECTION_LOST", "the connection to the hub was lost"),
    "INTERNAL": ("TRANSPORT", "the transport failed"),
    "RESOURCE_EXHAUSTED": ("MESSAGE_TOO_LARGE", "a message is too large"),
    "UNIMPLEMENTED": ("NOT_A_HUB", "the server is not a gibbs hub"),
}
"""What a status means that the gRPC library made and not the hub."""


@dataclass(frozen=True)
class Answer:
    """An answer, and how it came about. Times in seconds."""

    output: Any
    request_id: str
    #: The worker that answered, by the label it gave itself.
    worker_id: str
    #: How often the request was started; 1 if nothing went wrong.
    attempts: int
    #: From the request's arrival at the hub until a worker had it.
    queue_time: float
    #: From then until the answer arrived at the hub.
    run_time: float


class Client:
    """A client of one hub. Connects when it is first needed, and again when the connection is lost.

    async with Client("127.0.0.1:5019") as client:
        await client.request(34)
    """

    def __init__(
        self,
        hub: str | None = None,
        *,
        timeout: float = 600.0,
        connect_timeout: float = 20.0,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        """`hub` is `host:port`; default: the environment's GIBBS_HUB, else 127.0.0.1:5019.

        `timeout`: of requests that set none. `connect_timeout`: how long a request waits for a
        connection. In seconds. ValueError for what cannot be.
        """
        check_span("timeout", timeout)
        check_span("connect_timeout", connect_timeout)
        check_whole("max_payload_bytes", max_payload_bytes, 1, 2**31 - 1 - ENVELOPE_BYTES)
        self._address = hub_address(hub)
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._max_payload_bytes = max_payload_bytes
        self._channel: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Task[None] | None = None

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Sends the input to a worker that is idle, or the first that becomes idle, and returns its
        answer.

        One positional argument is the input itself: JSON-like data or bytes. With several, or
        with keyword arguments, the handler is called with the same. Options begin with `gibbs_`,
        times in seconds:

        - `gibbs_method`: which method of the workers. Default "", the default method.
        - `gibbs_timeout`: how long the whole call may take. Default: the client's.
        - `gibbs_queue_timeout`, `gibbs_run_timeout`: how long it may wait, and one attempt may run.
        - `gibbs_idempotent`: whether it may run again if its worker is lost. Default: as the
          worker declared.
        - `gibbs_max_attempts`: how often an idempotent request may be started, 1 to 10. Default 3.
        - `gibbs_request_id`: names it in answers, errors and logs. Default: made by the hub.
        - `gibbs_metadata`: gRPC metadata; the hub forwards what its operator allows.

        TypeError if the input cannot be sent, ValueError for options that cannot be; GibbsError
        for every other outcome: look at its `code`, `reason` and `execution`. Cancelling the task
        cancels the request.
        """
        return (await self.request_with_info(*args, **kwargs)).output

    async def request_with_info(
        self,
        *args: Any,
        gibbs_method: str = "",
        gibbs_timeout: float | None = None,
        gibbs_queue_timeout: float | None = None,
        gibbs_run_timeout: float | None = None,
        gibbs_idempotent: bool | None = None,
        gibbs_max_attempts: int | None = None,
        gibbs_request_id: str = "",
        gibbs_metadata: Mapping[str, str | bytes] | None = None,
        **kwargs: Any,
    ) -> Answer:
        """As `request`, and tells where and how long the request waited and ran."""
        for name in kwargs:
            if name.startswith("gibbs_"):
                raise TypeError(f"{name} is no option of a request")
        message = RequestRequest(method=gibbs_method)
        payload.fill_call(message, args, kwargs)
        _check_size(message, self._max_payload_bytes)
        options = message.options
        options.request_id = gibbs_request_id
        if gibbs_idempotent is not None:
            options.idempotent = gibbs_idempotent
        if gibbs_max_attempts is not None:
            check_whole("gibbs_max_attempts", gibbs_max_attempts, 1, 10)
            options.max_attempts = gibbs_max_attempts
        if gibbs_queue_timeout is not None:
            check_span("gibbs_queue_timeout", gibbs_queue_timeout)
            options.queue_timeout.CopyFrom(duration(gibbs_queue_timeout))
        if gibbs_run_timeout is not None:
            check_span("gibbs_run_timeout", gibbs_run_timeout)
            options.run_timeout.CopyFrom(duration(gibbs_run_timeout))
        timeout = self._timeout if gibbs_timeout is None else gibbs_timeout
        check_span("gibbs_timeout", timeout)
        metadata = check_metadata(gibbs_metadata or {})
        return await self._send(message, metadata, min(timeout, MAX_TIMEOUT))

    async def close(self) -> None:
        """Closes the connection. Requests under way end as CANCELLED; later ones connect anew."""
        channel, self._channel = self._channel, None
        if channel is not None and self._loop is asyncio.get_running_loop():
            if self._ready is not None:
                self._ready.cancel()
            await channel.close()

    async def __aenter__(self: _C) -> _C:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(self, message: RequestRequest, metadata: Metadata, timeout: float) -> Answer:
        """Sends the request, and again as long as `Retry` says so and the time allows."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        retry: Retry | None = None
        while True:
            try:
                return await self._attempt(message, metadata, until)
            except GibbsError as error:
                retry = retry or Retry(message.options, self._connect_timeout)
                pause = retry.pause_after(error, loop.time(), until)
                message.options.request_id = message.options.request_id or error.request_id or ""
                failed = error
            await asyncio.sleep(pause)
            # A loop that stood still comes out of its pause late.
            if loop.time() >= until:
                raise retry.final(failed)

    async def _attempt(self, message: RequestRequest, metadata: Metadata, until: float) -> Answer:
        channel = await self._connected(until)
        left = max(0.0, until - asyncio.get_running_loop().time())
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/gibbs.v1.HubService/Request"
        )
        call = method(
            message.SerializeToString(),
            # Not as an argument: gRPC would end the call itself, ahead of the hub's own status.
            metadata=[*metadata, ("grpc-timeout", f"{math.ceil(left * 1000)}m")],
            wait_for_ready=True,
        )
        try:
            encoded = await asyncio.wait_for(call, left + ANSWER_GRACE)
        except grpc.aio.AioRpcError as error:
            raise _explain(error, message.options.request_id) from None
        except asyncio.TimeoutError:
            why = "the hub did not answer in time"
            raise make_error("DEADLINE_EXCEEDED", why, reason="NO_ANSWER") from None
        except asyncio.CancelledError:
            if self._channel is channel:
                raise
            raise GibbsError("CANCELLED", "the client is closed", reason="CLIENT_CLOSED") from None
        try:
            response = RequestResponse.FromString(encoded)
        except DecodeError as error:
            why = f"the worker's answer is not a payload: {error}"
            known = {"reason": "RESULT_MALFORMED", "execution": "FINISHED"}
            raise make_error("INTERNAL", why, **known) from error
        info = response.info
        return Answer(
            output=payload.read(response),
            request_id=info.request_id,
            worker_id=info.worker_id,
            attempts=info.attempts,
            queue_time=seconds(info.queue_time),
            run_time=seconds(info.run_time),
        )

    async def _connected(self, until: float) -> grpc.aio.Channel:
        """The channel, once the hub can be spoken to."""
        loop = asyncio.get_running_loop()
        if self._channel is None or self._loop is not loop:
            # Of another loop, which has ended, nothing can be used.
            self._channel, self._loop = _open(self._address, self._max_payload_bytes), loop
            self._ready = None
        channel = self._channel
        if channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return channel
        patience = max(0.0, min(until - loop.time(), self._connect_timeout))
        try:
            # One wait for all, so that requests leave in the order in which they came.
            if self._ready is None or self._ready.done():
                self._ready = asyncio.ensure_future(channel.channel_ready())
            await asyncio.wait_for(asyncio.shield(self._ready), patience)
        except asyncio.TimeoutError:
            raise GibbsError(
                "UNAVAILABLE",
                f"no hub answers at {self._address} (waited {patience:g} s): is one running there?",
                reason="NOT_CONNECTED",
                execution="NOT_STARTED",
            ) from None
        return channel


class Hub(Client):
    """A client of a running hub by the name, and with the arguments, that it has in the Python
    library `gibbs`: start the hub itself with `gibbs hub`."""

    def __init__(
        self,
        port: int | None = None,
        *,
        host: str | None = None,
        timeout: float = 600.0,
        connect_timeout: float = 20.0,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        """Default: the environment's GIBBS_HUB, else port 5019 of 127.0.0.1."""
        super().__init__(
            hub_address(None, host, port),
            timeout=timeout,
            connect_timeout=connect_timeout,
            max_payload_bytes=max_payload_bytes,
        )

    async def request(self, *args: Any, gibbs_retries: int = 0, **kwargs: Any) -> Any:
        """As `Client.request`. `gibbs_retries`: how often it is sent again when `gibbs_timeout` is
        over; -1: for ever. The worker that has it then is told to stop, but may have done it."""
        while True:
            try:
                return await super().request(*args, **kwargs)
            except GibbsTimeoutError:
                if gibbs_retries == 0:
                    raise
                gibbs_retries = max(gibbs_retries - 1, -1)


class Retry:
    """What a client does by itself about a send that failed.

    - The hub is shutting down and took nothing (DRAINING): sends again, for as long as it would
      wait for a connection. A hub that restarts costs time, not calls.
    - The connection broke, and whether the work ran is unknown: sends again only if the request
      is idempotent, `max_attempts` times in all.

    All else is the caller's to decide.
    """

    def __init__(self, options: RequestOptions, patience: float) -> None:
        self._idempotent = options.idempotent
        self._max_attempts = options.max_attempts or DEFAULT_ATTEMPTS
        self._patience = patience
        self._backoff = Backoff(RETRY)
        self._lost = 0
        self._refused_since: float | None = None

    def pause_after(self, error: GibbsError, now: float, until: float) -> float:
        """The pause until it is sent again. Raises `error` if it is not."""
        pause = self._pause_after(error, now)
        if pause is not None and now + pause < until:
            return pause
        raise self.final(error)

    def final(self, error: GibbsError) -> GibbsError:
        """What the caller is told instead of a further send."""
        if self._lost == 0 or error.execution != "NOT_STARTED":
            return error
        # An earlier send may have run.
        code: Code = "ABORTED" if error.code == "UNAVAILABLE" else error.code
        known = {"reason": error.reason, "request_id": error.request_id}
        told = make_error(code, error.message, attempts=error.attempts, **known)
        told.__cause__ = error
        return told

    def _pause_after(self, error: GibbsError, now: float) -> float | None:
        if error.reason in ("CONNECTION_LOST", "TRANSPORT"):
            self._lost += 1
            if self._idempotent and self._lost < self._max_attempts:
                return self._backoff.next()
        elif error.reason == "DRAINING" and error.execution == "NOT_STARTED":
            if self._refused_since is None:
                self._refused_since = now
            hint = error.retry_after
            pause = self._backoff.next() if hint is None else hint
            if now + pause - self._refused_since < self._patience:
                return pause
        return None


def _open(address: str, max_payload_bytes: int) -> grpc.aio.Channel:
    limit = max_payload_bytes + ENVELOPE_BYTES
    return open_channel(
        address,
        [
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            # A hub that restarts within seconds costs its callers time, not calls.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ],
    )


def _check_size(message: RequestRequest, most: int) -> None:
    size = message.ByteSize()
    if size > most + ENVELOPE_BYTES // 2:
        raise GibbsError(
            "INVALID_ARGUMENT",
            f"the payload has {size} bytes, more than {most}",
            reason="PAYLOAD_TOO_LARGE",
            execution="NOT_STARTED",
        )


def _explain(error: grpc.aio.AioRpcError, request_id: str) -> GibbsError:
    told = from_rpc_error(error)
    if told.reason != "":
        return told
    reason, hint = BARE_REASONS.get(told.code, ("", "the call failed"))
    message = f"{hint}: {told.message}"
    return make_error(told.code, message, reason=reason, request_id=request_id or None)
