"""The original's hub, which lives in the calling process; see loads.ts for its commands."""

import asyncio
import os
import time

from gibbs import Hub

from serve import options, serve

# The original may lose a request without ever waking its caller.
PATIENCE_S = 5

hub = Hub(port=options()["port"])
sent = set()


async def warm_up(count):
    for _ in range(count):
        await asyncio.gather(*(hub.request(None) for _ in range(10)), return_exceptions=True)


async def burst(count):
    started = time.perf_counter()
    tasks = [asyncio.create_task(hub.request(x + 1)) for x in range(count)]
    _, hanging = await asyncio.wait(tasks, timeout=PATIENCE_S)
    took_ms = (time.perf_counter() - started) * 1000
    for task in hanging:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    lost = sum(answer != (x + 1) ** 2 for x, answer in enumerate(answers))
    return {"tookMs": took_ms, "lost": lost}


async def latency(count):
    took = []
    for x in range(count):
        started = time.perf_counter()
        answer = await hub.request(x)
        took.append((time.perf_counter() - started) * 1e6)
        assert answer == x, answer
    return took


async def throughput(callers, durationMs):
    started = last_answer = time.perf_counter()
    until = started + durationMs / 1000
    count = answered = lost = 0

    async def caller():
        nonlocal count, answered, lost, last_answer
        while time.perf_counter() < until:
            count += 1
            x = count
            try:
                right = await hub.request(x) == x
            except Exception:
                right = False
            if right:
                answered += 1
                last_answer = time.perf_counter()
            else:
                lost += 1

    tasks = [asyncio.create_task(caller()) for _ in range(callers)]
    _, hanging = await asyncio.wait(tasks, timeout=durationMs / 1000 + PATIENCE_S)
    for task in hanging:
        task.cancel()
    per_second = answered / (last_answer - started)
    return {"perSecond": per_second, "answered": answered, "lost": lost + len(hanging)}


async def send(id, timeoutMs):
    task = asyncio.create_task(hub.request(id, gibbs_timeout=timeoutMs / 1000, gibbs_retries=-1))
    sent.add(task)


commands = {
    "warmUp": warm_up,
    "burst": burst,
    "latency": latency,
    "throughput": throughput,
    "send": send,
}


async def main():
    await serve({}, commands)
    # Exit without returning: ZeroMQ would wait for messages that will never be received.
    os._exit(0)


asyncio.run(main())
