"""The loads that the Python client of every peer understands; the counterpart of loads.ts."""

import asyncio
import os
import time

# The original may lose a request without ever waking its caller.
PATIENCE_S = 5


def loads(request):
    """Returns the commands that make requests with `request`, a coroutine function."""

    async def warm_up(count):
        for _ in range(count):
            await asyncio.gather(*(request(None) for _ in range(10)), return_exceptions=True)

    async def burst(count):
        started = time.perf_counter()
        tasks = [asyncio.create_task(_ask(request, x + 1)) for x in range(count)]
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
            answer = await request(x)
            took.append((time.perf_counter() - started) * 1e6)
            assert answer == x, answer
        return took

    async def throughput(callers, durationMs):
        until = time.perf_counter() + durationMs / 1000
        return await closed_loop(callers, lambda sent: time.perf_counter() < until)

    async def requests(callers, count):
        return await closed_loop(callers, lambda sent: sent < count)

    async def closed_loop(callers, goes_on):
        started = last_answer = time.perf_counter()
        sent = answered = lost = 0

        async def caller():
            nonlocal sent, answered, lost, last_answer
            while goes_on(sent):
                sent += 1
                x = sent
                try:
                    right = await request(x) == x
                except Exception:
                    right = False
                if right:
                    answered += 1
                    last_answer = time.perf_counter()
                else:
                    lost += 1

        hanging = {asyncio.create_task(caller()) for _ in range(callers)}
        before = -1
        while hanging and before < answered + lost:
            before = answered + lost
            _, hanging = await asyncio.wait(hanging, timeout=PATIENCE_S)
        for task in hanging:
            task.cancel()
        per_second = answered / (last_answer - started) if answered else 0
        return {"perSecond": per_second, "answered": answered, "lost": lost + len(hanging)}

    return {
        "warmUp": warm_up,
        "burst": burst,
        "latency": latency,
        "throughput": throughput,
        "requests": requests,
        "usage": usage,
    }


async def _ask(request, x):
    return await request(x)


async def usage(collect=False):
    """The resources this process has used, of all its threads; see usage.ts."""
    with open("/proc/self/statm") as file:
        rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {"cpuUs": time.process_time() * 1e6, "rssBytes": rss, "heldBytes": rss}
