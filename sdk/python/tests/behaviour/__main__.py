"""Performs cases of the behaviour suite (test/behaviour/README.md): python tests/behaviour
[async | sync | unary], or plays their workers: ... worker"""

from __future__ import annotations

import asyncio
import sys

import in_loop
import in_threads
import workers
from data import read_cases
from stage import Stages


def main(how: str) -> None:
    if how == "worker":
        return asyncio.run(workers.play_all())
    stages = Stages()
    known = read_cases()
    cases = [known[name] for name in stages.names]
    if how == "sync":
        in_threads.perform_all(cases, stages)
    else:
        transport = "unary" if how == "unary" else "multiplex"
        asyncio.run(in_loop.perform_all(cases, transport, stages))
    stages.tell(ran=len(cases))


if __name__ == "__main__":
    main(sys.argv[1])
