"""What the programs have in common: settings, reports, and when to stop."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

REPORT_SECONDS = 0.25
TIMEOUT = 60.0
"""After this a call without an answer is a failed one, in seconds."""


def setting(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        sys.exit(f"{name} is not set: start this with npm run soak")
    return value


class Caller:
    """Counts what becomes of calls. Any number of threads may use it."""

    def __init__(self) -> None:
        self.name = setting("SOAK_NAME")
        self.ms = int(setting("SOAK_JOB_MS"))
        self.callers = int(setting("SOAK_CALLERS"))
        self._left = int(os.environ.get("SOAK_COUNT", sys.maxsize))
        self._lock = threading.Lock()
        self._told = threading.Event()
        self._report: dict[str, Any] = {
            "answered": 0,
            "wrong": 0,
            "errors": {},
            "by": {},
            "done": False,
        }

    def jobs(self, index: int) -> Any:
        """Yields the inputs of one caller, until no more are wanted."""
        count = 0
        while not self._told.is_set():
            with self._lock:
                if self._left == 0:
                    return
                self._left -= 1
            yield {"id": f"{self.name}:{index}:{count}", "ms": self.ms}
            count += 1

    def answered(self, job: dict[str, Any], answer: Any) -> None:
        with self._lock:
            report = self._report
            if answer["id"] != job["id"]:
                report["wrong"] += 1
                return
            report["answered"] += 1
            report["by"][answer["by"]] = report["by"].get(answer["by"], 0) + 1

    def failed(self, job: dict[str, Any], kind: str, message: object) -> None:
        with self._lock:
            errors = self._report["errors"]
            errors[kind] = errors.get(kind, 0) + 1
        print(job["id"], kind, message, file=sys.stderr, flush=True)

    def start(self) -> None:
        """Reports from now on, and watches stdin: its end means that no more calls are wanted."""
        for run in (self._print_regularly, self._watch):
            threading.Thread(target=run, daemon=True).start()

    def finish(self) -> None:
        """Reports that all calls have ended, and waits until stdin has, too."""
        self._report["done"] = True
        self._print()
        self._told.wait()

    def _watch(self) -> None:
        sys.stdin.read()
        self._told.set()

    def _print_regularly(self) -> None:
        tick = threading.Event()
        while not self._report["done"]:
            self._print()
            tick.wait(REPORT_SECONDS)

    def _print(self) -> None:
        with self._lock:
            print(json.dumps(self._report), flush=True)
