"""One stream to the hub, from hello to its end. Does not depend on gRPC."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Protocol

from . import outcome
from ._gen.worker_pb2 import (
    Heartbeat,
    HubDrain,
    HubEvent,
    Job,
    Ready,
    Welcome,
    WorkerDrain,
    WorkerEvent,
)
from .errors import GibbsError
from .executor import Cancel, Executor
from .options import HOLD, MAX_BATCH_BYTES, SMALL_BYTES


@dataclass(frozen=True)
class SessionEnd:
    """How a session ended, and what should happen next."""

    error: GibbsError | None
    """Why the stream broke; None after a clean end."""
    welcomed: bool
    """Whether the hub had welcomed the worker."""
    drain: HubDrain | None
    """What the hub requested when it drained."""


class SessionPort(Protocol):
    """What a session needs from its connection."""

    def send(self, event: WorkerEvent) -> None:
        """Sends an event, after those from earlier calls."""

    def give_up(self, error: GibbsError) -> None:
        """Abandons the stream."""


class _Accepted:
    """An accepted job: held until a slot is actually free, then running."""

    __slots__ = ("cancel", "due_at", "job", "patience")

    def __init__(self, job: Job, due_at: float) -> None:
        self.job = job
        #: When its time has run out, on the loop's clock.
        self.due_at = due_at
        self.cancel: Cancel | None = None
        self.patience: asyncio.TimerHandle | None = None


class Session:
    """Credit goes up, jobs come down, and each job gets one terminal event."""

    def __init__(
        self,
        executor: Executor,
        port: SessionPort,
        hello: WorkerEvent,
        connect_timeout: float,
        on_welcome: Callable[[Welcome], None],
        on_drain: Callable[[HubDrain], None],
        *,
        is_successor: bool = False,
    ) -> None:
        """`is_successor`: the slots are still offered on another stream, so this one offers none
        until `take_over`."""
        self._executor = executor
        self._port = port
        self._on_welcome = on_welcome
        self._on_drain = on_drain
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[int, _Accepted] = {}
        #: Those of them without a slot.
        self._held: dict[int, _Accepted] = {}
        #: Credit that the hub has not used yet.
        self._credit = 0
        self._offers = not is_successor
        self._welcome: Welcome | None = None
        self._drain: HubDrain | None = None
        self._phase = "serving"
        self._heard_at = self._loop.time()
        self._patience = connect_timeout
        self._due_at = 0.0
        self._silence: asyncio.TimerHandle | None = None
        #: One timer for the timeouts of all jobs: most of them end long before theirs.
        self._timeouts: asyncio.TimerHandle | None = None
        self._watch(connect_timeout)
        self._port.send(hello)
        self.offer_slots()

    @property
    def welcomed(self) -> bool:
        """Whether the hub has answered hello: before that, it has sent no jobs."""
        return self._welcome is not None

    @property
    def serving(self) -> bool:
        """Whether neither side has asked to drain, and the stream has not ended."""
        return self._phase == "serving"

    @property
    def is_idle(self) -> bool:
        """Whether it has no jobs, one slot is offered, and its hub takes small results."""
        if self._phase != "serving" or self._welcome is None or self._jobs:
            return False
        most = self._welcome.max_payload_bytes
        return self._credit == self._executor.free == 1 and (most == 0 or most >= SMALL_BYTES)

    def receive(self, events: Iterable[HubEvent]) -> None:
        """Handles events from the hub. Unknown ones are ignored."""
        self._heard_at = self._loop.time()
        for event in events:
            kind = event.WhichOneof("event")
            if kind == "job":
                self._accept(event.job)
            elif kind == "welcome":
                self._greet(event.welcome)
            elif kind == "cancel":
                self._cancel(event.cancel.job_id, event.cancel.reason)
            elif kind == "heartbeat":
                self._port.send(WorkerEvent(heartbeat=Heartbeat()))
            elif kind == "drain":
                self._drain = event.drain
                self._stop_taking("the hub is draining")
                self._on_drain(event.drain)

    def offer_slots(self) -> None:
        """Called when slots became free: starts held jobs, then gives credit for the remaining
        slots."""
        while self._held and self._executor.free > 0:
            job_id = next(iter(self._held))
            self._start(job_id, self._held.pop(job_id))
        more = self._executor.free - self._credit
        if self._phase == "serving" and self._offers and more > 0:
            self._credit += more
            self._port.send(WorkerEvent(ready=Ready(slots=more)))

    def take_over(self) -> None:
        """Called when no older stream offers slots any longer: offers those that are free."""
        self._offers = True
        self.offer_slots()

    def drain(self, reason: str) -> None:
        """Asks the hub to send no more jobs; the hub ends the stream once all jobs have ended."""
        if self._phase == "serving":
            self._port.send(WorkerEvent(drain=WorkerDrain(reason=reason)))
            self._stop_taking(reason)

    def ended(self, error: GibbsError | None) -> SessionEnd:
        """Called when the stream has ended. Cancels running jobs, and drops their outcomes."""
        self._phase = "ended"
        if self._silence is not None:
            self._silence.cancel()
        if self._timeouts is not None:
            self._timeouts.cancel()
        for job_id in list(self._held):
            self._forget(job_id)
        for accepted in self._jobs.values():
            if accepted.cancel is not None:
                accepted.cancel("the connection to the hub was lost")
        self._jobs.clear()
        return SessionEnd(error, self.welcomed, self._drain)

    def _greet(self, welcome: Welcome) -> None:
        if self._welcome is not None:
            return
        self._welcome = welcome
        if welcome.hub_timeout_ms > 0:
            self._watch(welcome.hub_timeout_ms / 1000)
        self._executor.limit_grace(welcome.cancel_grace_ms / 1000)
        self._on_welcome(welcome)

    def _accept(self, job: Job) -> None:
        self._credit = max(0, self._credit - 1)
        if self._phase != "serving":
            return self._give_back(job.job_id, "the worker is draining")
        due_at = math.inf
        if job.HasField("timeout_ms"):
            due_at = self._loop.time() + job.timeout_ms / 1000
            if self._timeouts is None or due_at < self._timeouts.when():
                self._check_timeouts_at(due_at)
        accepted = self._jobs[job.job_id] = _Accepted(job, due_at)
        if self._executor.free > 0:
            return self._start(job.job_id, accepted)
        # The slot may have been free when its credit was given, but has vanished since, with a
        # process that died while idle. The replacement may be up in a moment.
        self._held[job.job_id] = accepted
        accepted.patience = self._loop.call_later(
            HOLD, self._give_back, job.job_id, "no slot became free for it"
        )

    def _check_timeouts_at(self, when: float) -> None:
        if self._timeouts is not None:
            self._timeouts.cancel()
        self._timeouts = self._loop.call_at(when, self._check_timeouts)

    def _check_timeouts(self) -> None:
        """Cancels the jobs whose time has run out."""
        self._timeouts = None
        now = self._loop.time()
        for job_id, accepted in list(self._jobs.items()):
            if accepted.due_at <= now:
                accepted.due_at = math.inf
                self._cancel(job_id, outcome.TIME_OVER)
        next_at = min((accepted.due_at for accepted in self._jobs.values()), default=math.inf)
        if next_at < math.inf:
            self._check_timeouts_at(next_at)

    def _cancel(self, job_id: int, reason: str) -> None:
        accepted = self._jobs.get(job_id)
        if accepted is None:
            return
        if accepted.cancel is not None:
            accepted.cancel(reason or "the hub cancelled it")
        else:
            self._give_back(job_id, reason)

    def _start(self, job_id: int, accepted: _Accepted) -> None:
        if accepted.patience is not None:
            accepted.patience.cancel()

        def done(event: WorkerEvent) -> None:
            # Outcomes for an older stream are dropped.
            if self._jobs.get(job_id) is accepted:
                self._forget(job_id)
                self._send_outcome(job_id, event)

        accepted.cancel = self._executor.run(accepted.job, done)

    def _send_outcome(self, job_id: int, event: WorkerEvent) -> None:
        if self._welcome is not None and self._welcome.max_payload_bytes > 0:
            event = outcome.fitted(event, self._welcome.max_payload_bytes)
        size = len(event.result.payload)
        if size >= MAX_BATCH_BYTES:
            # Sent ahead of the result, so that the hub does not mistake a slow transfer for
            # silence.
            self._port.send(WorkerEvent(heartbeat=Heartbeat(pending_bytes=size)))
        self._port.send(outcome.with_id(event, job_id))

    def _give_back(self, job_id: int, reason: str) -> None:
        self._forget(job_id)
        self._port.send(outcome.with_id(outcome.not_started(reason), job_id))
        self.offer_slots()

    def _forget(self, job_id: int) -> None:
        self._jobs.pop(job_id, None)
        held = self._held.pop(job_id, None)
        if held is not None and held.patience is not None:
            held.patience.cancel()

    def _stop_taking(self, reason: str) -> None:
        self._phase = "draining"
        self._credit = 0
        for job_id in list(self._held):
            self._give_back(job_id, reason)

    def _watch(self, patience: float) -> None:
        """Abandons the hub if it stays silent for `patience` seconds from now on."""
        if self._silence is not None:
            self._silence.cancel()
        self._patience = patience
        self._heard_at = self._loop.time()
        self._judge_at(self._heard_at + patience)

    def _judge_at(self, due_at: float) -> None:
        self._due_at = due_at
        # Deferred by one tick, so that events that have already arrived are read first.
        self._silence = self._loop.call_at(due_at, self._loop.call_soon, self._judge)

    def _judge(self) -> None:
        if self._phase == "ended":
            return
        now = self._loop.time()
        # Time during which this process was suspended does not count as the hub's silence.
        late = max(0.0, now - self._due_at)
        self._heard_at = min(now, self._heard_at + late)
        due_at = self._heard_at + self._patience
        if due_at > now:
            self._judge_at(due_at)
        else:
            why = f"the hub was silent for {self._patience:g} s"
            self._port.give_up(GibbsError("UNAVAILABLE", why))
