"""A worker of our Python SDK, in this process, which returns its input."""

import asyncio

from gibbs_worker import Worker

from loads import usage
from serve import options, serve


def echo(x):
    return x


async def main():
    given = options()
    worker = Worker(echo, gibbs_hub=given["hub"], gibbs_slots=given["slots"])
    serving = asyncio.create_task(worker.serve())
    await serve({}, {"usage": usage})
    worker.drain()
    await serving


asyncio.run(main())
