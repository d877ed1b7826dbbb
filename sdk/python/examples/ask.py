"""Sends a request to the hub: python ask.py METHOD INPUT, where INPUT is JSON."""

import asyncio
import json
import sys

from gibbs_worker import Client


async def main(method: str, text: str) -> None:
    async with Client() as client:
        print(await client.request(json.loads(text), gibbs_method=method))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: ask.py METHOD INPUT")
    asyncio.run(main(*sys.argv[1:]))
