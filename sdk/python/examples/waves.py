"""Four workers and ten requests of 0.25 s: three waves. Prints the time taken relative to that.

Needs a hub at GIBBS_HUB (default: 127.0.0.1:5019).
"""

import asyncio
import time

from gibbs_worker import Hub, Worker

WAIT, WORKERS, REQUESTS, WAVES = 0.25, 4, 10, 3


class MyAwesomeModel:
    def __init__(self, wait_time: float = WAIT) -> None:
        self.w = wait_time

    def __call__(self, x: int) -> int:
        time.sleep(self.w)
        return x**2


async def measure() -> None:
    async with Hub() as hub:
        # The workers are all connected once four concurrent requests have been answered.
        await asyncio.gather(*(hub.request(x) for x in range(WORKERS)))
        began = time.perf_counter()
        answers = await asyncio.gather(*(hub.request(x) for x in range(REQUESTS)))
        took = time.perf_counter() - began
    assert answers == [x**2 for x in range(REQUESTS)]
    print(f"{REQUESTS} requests, {WORKERS} workers: {took:.3f} s")
    print(f"ratio to {WAVES} waves of {WAIT} s: {took / (WAVES * WAIT):.3f}")


if __name__ == "__main__":
    workers = [Worker(MyAwesomeModel, wait_time=WAIT) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    asyncio.run(measure())
    for worker in workers:
        worker.terminate()
        worker.join()
