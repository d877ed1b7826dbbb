"""When a client sends a failed request again on its own."""

from __future__ import annotations

from ._gen.hub_pb2 import RequestOptions
from .backoff import Backoff
from .errors import Code, GibbsError, make_error
from .options import DEFAULT_ATTEMPTS, RETRY


class Retry:
    """Decides when a client sends a failed request again on its own.

    - A hub that goes away did not accept it (DRAINING), or the connection broke before it was sent:
      sends it again for as long as it would wait for a connection. A hub restart costs time, not
      calls.
    - The connection broke and it is unknown whether the work ran: sends it again only if the
      request is idempotent, up to `max_attempts` times in total.

    Everything else is up to the caller.
    """

    def __init__(self, options: RequestOptions | None, patience: float) -> None:
        self._idempotent = options is not None and options.idempotent
        self._max_attempts = (options is not None and options.max_attempts) or DEFAULT_ATTEMPTS
        self._patience = patience
        self._backoff = Backoff(RETRY)
        self._lost = 0
        self._refused_since: float | None = None

    def pause_after(self, error: GibbsError, now: float, until: float) -> float:
        """Returns the pause before the request is sent again; raises if it should not be."""
        pause = self._pause_after(error, now)
        if pause is not None and now + pause < until:
            return pause
        raise self.final(error)

    def final(self, error: GibbsError) -> GibbsError:
        """Returns the error for the caller when the request is not sent again."""
        if self._lost == 0 or error.execution != "NOT_STARTED":
            return error
        # An earlier send may have run.
        code: Code = "ABORTED" if error.code == "UNAVAILABLE" else error.code
        known = {"reason": error.reason, "request_id": error.request_id}
        told = make_error(code, error.message, attempts=error.attempts, **known)
        told.__cause__ = error
        return told

    def _pause_after(self, error: GibbsError, now: float) -> float | None:
        is_refused = error.execution == "NOT_STARTED"
        if error.reason in ("CONNECTION_LOST", "TRANSPORT") and not is_refused:
            self._lost += 1
            if self._idempotent and self._lost < self._max_attempts:
                return self._backoff.next()
        elif error.reason in ("DRAINING", "CONNECTION_LOST") and is_refused:
            if self._refused_since is None:
                self._refused_since = now
            # The hint holds for this hub, which is left alone for that long; another one may answer
            # sooner.
            pause = self._backoff.next()
            if now + pause - self._refused_since < self._patience:
                return pause
        return None
