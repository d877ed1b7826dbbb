"""The counterpart of journal.ts, machine-time.ts and task.ts."""

import hashlib
import json
import os
import time
from pathlib import Path


class Journal:
    """Records what one process does. A killed process loses no note."""

    def __init__(self, folder, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._fd = os.open(Path(folder) / f"{name}.jsonl", flags, 0o644)

    def write(self, kind, **fields):
        note = {"kind": kind, "at": time.monotonic_ns() / 1e6, **fields}
        os.write(self._fd, json.dumps(note).encode() + b"\n")


def answer_to(task_id):
    """Returns the only correct answer to the task with that id."""
    return {"id": task_id, "digest": hashlib.sha256(task_id.encode()).hexdigest()[:16]}
