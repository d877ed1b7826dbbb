"""Pauses that grow and are spread by chance, so that many peers do not come back in step."""

from __future__ import annotations

import random


class Backoff:
    """Each pause is drawn between the least and three times the last ("decorrelated jitter")."""

    def __init__(self, span: tuple[float, float]) -> None:
        self._least, self._most = span
        self._last = self._least

    def next(self, most: float | None = None) -> float:
        """The next pause in seconds, at most `most`."""
        drawn = random.uniform(self._least, self._last * 3)
        self._last = min(drawn, self._most if most is None else most)
        return self._last

    def reset(self) -> None:
        self._last = self._least
