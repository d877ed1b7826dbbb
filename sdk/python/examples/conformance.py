"""The model that `gibbs conformance` sends work to: python conformance.py [thread | process]"""

import base64
import sys
import time

import grpc

from gibbs_worker import GibbsError, Worker, current_job

CODES = {code.value[0]: code.name for code in grpc.StatusCode}


def echo(data):
    return data


def hold(ms: float) -> float:
    current_job().wait_cancelled(ms / 1000)
    return ms


def block(ms: float) -> float:
    until = time.monotonic() + ms / 1000
    while time.monotonic() < until:
        pass
    return ms


def fail(how: dict) -> None:
    if "code" in how:
        raise GibbsError(CODES[how["code"]], how["message"])
    raise ValueError(how["message"])


def context(_: object) -> dict:
    job = current_job()
    return {
        "attempt": job.attempt,
        "request_id": job.request_id,
        "timeout_ms": None if job.timeout is None else round(job.timeout * 1000),
        "metadata": {
            key: base64.b64encode(entry).decode() if isinstance(entry, bytes) else entry
            for key, entry in job.metadata.items()
        },
    }


def some_bytes(n: int) -> bytes:
    return bytes(n)


HANDLERS = {
    "conformance.echo": echo,
    "conformance.hold": hold,
    "conformance.block": block,
    "conformance.fail": fail,
    "conformance.context": context,
    "conformance.bytes": some_bytes,
}

if __name__ == "__main__":
    if sys.argv[1:] == ["process"]:
        Worker(HANDLERS, gibbs_isolation="process", gibbs_count=2, gibbs_slots=2).run()
    else:
        Worker(HANDLERS, gibbs_slots=4).run()
