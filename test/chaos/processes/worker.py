"""A worker of the Python SDK, whose handler blocks a thread or a process for a task's work time, or
less if cancelled."""

import asyncio
import itertools
import os

from gibbs_worker import Worker, current_job
from journal import Journal, answer_to
from parent import live_as_long_as_parent, say, settings


class Model:
    """Records the start and end of each execution and answers as its task specifies."""

    def __init__(self, journals, host, slots):
        self._worker = f"{host}/{os.getpid()}"
        self._runs = itertools.count(1)
        self._journal = Journal(journals, f"{host}-{os.getpid()}")
        self._journal.write("worker", worker=self._worker, host=host, slots=slots, pid=os.getpid())

    def __call__(self, task):
        job = current_job()
        execution = {
            "id": task["id"],
            "worker": self._worker,
            "run": next(self._runs),
            "requestId": job.request_id,
            "attempt": job.attempt,
        }
        self._journal.write("start", **execution)
        job.wait_cancelled(task["workMs"] / 1000)
        self._journal.write("end", **execution)
        if task.get("fails"):
            raise ValueError(f"task {task['id']} was meant to fail")
        return answer_to(task["id"])


async def main():
    given = settings()
    host, slots = given["host"], given["slots"]
    worker = Worker(
        Model,
        given["journals"],
        host,
        slots,
        gibbs_hub=given["hub"],
        gibbs_worker_id=host,
        gibbs_slots=slots,
        gibbs_isolation=given["isolation"],
        gibbs_count=given["count"],
    )
    live_as_long_as_parent()
    # Runs once the worker handles the signal, which it does before it first waits.
    asyncio.get_running_loop().call_soon(say, {"kind": "handles SIGTERM"})
    await worker.serve_until_signalled(lambda: say({"kind": "ready"}))


if __name__ == "__main__":
    asyncio.run(main())
