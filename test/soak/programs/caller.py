"""Calls the hub until stdin ends: caller.py async|sync|unary|generated"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any, Callable

import grpc
from generated import connect
from program import TIMEOUT, Caller

from gibbs_worker import Client, GibbsError, SyncClient

OPTIONS = {"gibbs_timeout": TIMEOUT, "gibbs_idempotent": "SOAK_IDEMPOTENT" in os.environ}


async def on_a_loop(caller: Caller, transport: Any) -> None:
    async def call(index: int) -> None:
        for job in caller.jobs(index):
            try:
                caller.answered(job, await client.request(job, **OPTIONS))
            except GibbsError as error:
                caller.failed(job, f"{error.code} {error.reason}", error)

    async with Client(transport=transport) as client:
        caller.start()
        await asyncio.gather(*(call(index) for index in range(caller.callers)))
        caller.finish()


def in_threads(caller: Caller, send: Callable[[Any], Any]) -> None:
    def call(index: int) -> None:
        for job in caller.jobs(index):
            try:
                caller.answered(job, send(job))
            except GibbsError as error:
                caller.failed(job, f"{error.code} {error.reason}", error)
            except grpc.RpcError as error:
                caller.failed(job, error.code().name, error)

    threads = [threading.Thread(target=call, args=[index]) for index in range(caller.callers)]
    caller.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    caller.finish()


def main(kind: str) -> None:
    caller = Caller()
    if kind == "sync":
        with SyncClient() as client:
            in_threads(caller, lambda job: client.request(job, **OPTIONS))
    elif kind == "generated":
        in_threads(caller, connect(os.environ["GIBBS_HUB"], TIMEOUT))
    else:
        asyncio.run(on_a_loop(caller, {"async": "multiplex"}.get(kind, kind)))


main(sys.argv[1])
