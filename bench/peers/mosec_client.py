"""A client of mosec, over HTTP with aiohttp."""

import asyncio

import aiohttp

from loads import loads
from serve import options, serve


async def main():
    url = f"http://127.0.0.1:{options()['port']}/inference"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def request(x):
            async with session.post(url, json=x) as response:
                response.raise_for_status()
                return await response.json(content_type=None)

        await serve({}, loads(request))


asyncio.run(main())
