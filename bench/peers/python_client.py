"""Our Python client."""

import asyncio

from gibbs_worker import Client

from loads import loads
from serve import options, serve


async def main():
    async with Client(options()["hub"]) as client:
        await serve({}, loads(client.request))


asyncio.run(main())
