"""What a request returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An answer and details of how it was produced. Times are in seconds."""

    output: Any
    request_id: str
    #: The label of the worker that answered, as chosen by that worker.
    worker_id: str
    #: The number of times the request was started; 1 if nothing went wrong.
    attempts: int
    #: The time from the request's arrival at the hub until a worker took it.
    queue_time: float
    #: The time from then until the answer arrived at the hub.
    run_time: float
