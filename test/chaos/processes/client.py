"""A client of the Python SDK: the counterpart of client.ts, for a fixed number of callers."""

import asyncio
import itertools
import os
import random

from gibbs_worker import Client, GibbsError
from journal import Journal
from parent import live_as_long_as_parent, say, settings

# How long a caller waits after a failed call, and how long after its deadline a call counts as
# lost, in seconds.
PAUSE_S = 0.02
GIVE_UP_S = 15

# As in traffic.ts.
HURRY_MS = (5, 80)
CANCEL_AFTER_MS = (0, 80)
PADDING_BYTES = (1024, 64 * 1024)

given = settings()
name, traffic = given["name"], given["traffic"]
journal = Journal(given["journals"], name)
chance = random.Random(given["seed"])
numbers = itertools.count(1)


def share(part):
    return chance.random() < traffic[part]


async def call(client):
    """Makes a call. Returns whether it was answered."""
    task_id = f"{name}:{next(numbers)}"
    hurried, cancelled, padded = map(share, ("hurriedShare", "cancelledShare", "paddedShare"))
    idempotent = share("idempotentShare")
    timeout_ms = round(chance.uniform(*HURRY_MS)) if hurried else traffic["timeoutMs"]
    task = {"id": task_id, "workMs": round(chance.uniform(*traffic["workMs"]))}
    if share("failingShare"):
        task["fails"] = True
    if padded:
        task["padding"] = "x" * round(chance.uniform(*PADDING_BYTES))
    journal.write("call", id=task_id, client=name, idempotent=idempotent, timeoutMs=timeout_ms)
    options = {"gibbs_idempotent": idempotent, "gibbs_timeout": timeout_ms / 1000}
    request = asyncio.ensure_future(client.request_with_info(task, **options))
    if cancelled:
        after = chance.uniform(*CANCEL_AFTER_MS) / 1000
        asyncio.get_running_loop().call_later(after, request.cancel)
    await asyncio.wait([request])
    outcome = describe(request)
    journal.write("outcome", id=task_id, outcome=outcome)
    return outcome["ok"]


def describe(request):
    """Returns how a call ended. Raises what a client must not raise."""
    if request.cancelled():
        return failure("CANCELLED", "CLIENT_CANCELLED", "UNKNOWN")
    error = request.exception()
    if isinstance(error, GibbsError):
        later = error.retry_after
        return failure(
            error.code,
            error.reason,
            error.execution,
            attempts=error.attempts,
            message=error.message,
            **({} if error.request_id is None else {"requestId": error.request_id}),
            **({} if later is None else {"retryAfterMs": later * 1000}),
        )
    answer = request.result()
    return {
        "ok": True,
        "answer": answer.output,
        "requestId": answer.request_id,
        "attempts": answer.attempts,
    }


def failure(code, reason, execution, attempts=0, message="", **known):
    told = {"code": code, "reason": reason, "execution": execution, "attempts": attempts}
    return {"ok": False, **told, "message": message, **known}


async def main():
    client = Client(given["hub"], transport=given["transport"])
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    async def caller():
        while not stop.is_set():
            if not await call(client):
                await asyncio.sleep(PAUSE_S)

    live_as_long_as_parent(lambda message: loop.call_soon_threadsafe(stop.set))
    callers = [asyncio.ensure_future(caller()) for _ in range(given["callers"])]
    say({"kind": "ready"})
    stopped = asyncio.ensure_future(stop.wait())
    # A caller ends before that only by an error, which ends this process.
    ended, _ = await asyncio.wait([stopped, *callers], return_when=asyncio.FIRST_COMPLETED)
    for one in ended:
        one.result()
    patience = traffic["timeoutMs"] / 1000 + GIVE_UP_S
    ended, _ = await asyncio.wait(callers, timeout=patience)
    for one in ended:
        one.result()
    journal.write("finished", client=name)
    os._exit(0)


asyncio.run(main())
