"""A Python client of NATS, which makes requests to a queue group."""

import asyncio
import json

import nats

from loads import loads
from serve import options, serve

# NATS requires a timeout for each request; this one is never reached.
TIMEOUT_S = 60


async def main():
    connection = await nats.connect(f"nats://127.0.0.1:{options()['port']}")

    async def request(x):
        answer = await connection.request("bench", json.dumps(x).encode(), timeout=TIMEOUT_S)
        return json.loads(answer.data)

    await serve({}, loads(request))
    await connection.close()


asyncio.run(main())
