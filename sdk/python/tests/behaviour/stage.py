"""The other end of test/behaviour/run.ts, which opens the stages and judges the outcomes."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import Future
from typing import Any


class Stages:
    """Talks in lines of JSON, on stdin and stdout. From any thread."""

    def __init__(self) -> None:
        #: The names of the cases to perform, in order.
        self.names: list[str] = json.loads(sys.stdin.readline())["run"]
        self._asked: dict[str, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, name: str, **what: Any) -> Future[dict[str, Any]]:
        """Asks for something, and returns the reply. A case asks for one thing at a time."""
        reply: Future[dict[str, Any]] = Future()
        self._asked[name] = reply
        self.tell(case=name, **what)
        return reply

    def tell(self, **what: Any) -> None:
        with self._lock:
            print(json.dumps(what), flush=True)

    def _read(self) -> None:
        for line in sys.stdin:
            reply = json.loads(line)
            self._asked.pop(reply["case"]).set_result(reply)
