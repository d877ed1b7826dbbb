"""Shared by the benchmark's Python programs; the counterpart of serve.ts for Node."""

import asyncio
import json
import sys
import time


def options():
    """Returns the options that the program was started with."""
    return json.loads(sys.argv[1])


def say(line):
    """Prints one JSON line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def tell(event, id):
    """Reports an event, timed on the clock that all processes share."""
    say({"event": event, "id": id, "at": time.monotonic() * 1000})


async def serve(ready, commands):
    """Executes the commands that arrive on stdin until it closes."""
    say({"ready": ready})
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        asked = json.loads(line)
        try:
            say({"answer": await commands[asked["command"]](**asked["args"])})
        except Exception as error:
            say({"error": f"{asked['command']}: {error!r}"})
