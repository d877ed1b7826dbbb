"""Growing, randomized pauses, so that many peers do not reconnect in step."""

from __future__ import annotations

import random
from typing import Callable


class Backoff:
    """Draws each pause between the minimum and three times the previous one ("decorrelated
    jitter")."""

    def __init__(
        self,
        span: tuple[float, float],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._least, self._most = span
        self._uniform = uniform
        self._last = self._least

    def next(self, most: float | None = None) -> float:
        """Returns the next pause in seconds, at most `most`."""
        drawn = self._uniform(self._least, self._last * 3)
        self._last = min(drawn, self._most if most is None else most)
        return self._last

    def reset(self) -> None:
        self._last = self._least
