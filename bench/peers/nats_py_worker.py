"""A member of a NATS queue group in Python, which returns its input."""

import asyncio
import json

import nats

from loads import usage
from serve import options, serve


async def main():
    connection = await nats.connect(f"nats://127.0.0.1:{options()['port']}")

    async def answer(message):
        await message.respond(json.dumps(json.loads(message.data)).encode())

    await connection.subscribe("bench", queue="workers", cb=answer)
    await connection.flush()
    await serve({}, {"usage": usage})
    await connection.close()


asyncio.run(main())
