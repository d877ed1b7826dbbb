"""Serves jobs until SIGTERM, or until its run has ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from typing import Any

from program import REPORT_SECONDS, setting

from gibbs_worker import Worker

report: dict[str, Any] = {"ready": False, "begun": 0}
printing = threading.Lock()
by = setting("SOAK_NAME")


async def serve(job: dict[str, Any]) -> dict[str, Any]:
    report["begun"] += 1
    if job["ms"] > 0:
        await asyncio.sleep(job["ms"] / 1000)
    return {"id": job["id"], "by": by}


def watch() -> None:
    sys.stdin.read()
    os._exit(1)


def print_report() -> None:
    with printing:
        print(json.dumps(report), flush=True)


def print_regularly() -> None:
    tick = threading.Event()
    while True:
        print_report()
        tick.wait(REPORT_SECONDS)


async def main() -> None:
    worker = Worker(serve, gibbs_slots=int(setting("SOAK_SLOTS")), gibbs_worker_id=by)
    await worker.serve_until_signalled(lambda: report.update(ready=True))


for run in (watch, print_regularly):
    threading.Thread(target=run, daemon=True).start()
asyncio.run(main())
print_report()
