"""Plays the workers of cases, as test/behaviour/sdk-workers.ts says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from typing import Any

from data import to_value
from google.protobuf.any_pb2 import Any as AnyMessage

from gibbs_worker import GibbsError, Worker, current_job


class Player:
    """One worker."""

    def __init__(self, line: dict[str, Any]) -> None:
        script = line["script"]
        self._id = line["serve"]
        self._acts = script["acts"]
        self._jobs = 0
        self._released = asyncio.Event()
        self._worker = Worker(
            {script.get("method", ""): self._handle},
            gibbs_hub=line["address"],
            gibbs_worker_id=line["label"],
            gibbs_slots=script.get("slots", 16),
            gibbs_idempotent=script.get("idempotent"),
        )
        self._ended = asyncio.ensure_future(self._serve())

    async def _serve(self) -> None:
        with contextlib.suppress(GibbsError):
            await self._worker.serve(lambda: self._say("connected"))

    async def stop(self) -> None:
        self._worker.close()
        await self._ended
        self._say("stopped")

    def release(self) -> None:
        self._released.set()
        self._released = asyncio.Event()

    async def _handle(self, data: Any) -> Any:
        act = self._acts[min(self._jobs, len(self._acts) - 1)]
        self._jobs += 1
        released = self._released
        self._say("taken")
        while isinstance(act, dict) and "hold" in act:
            try:
                await released.wait()
                act = act["hold"]
            except asyncio.CancelledError:
                self._say("cancelled")
        if act == "hang":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self._say("cancelled")
                raise
        return _play(act, data)

    def _say(self, event: str) -> None:
        print(json.dumps({"id": self._id, "event": event}), flush=True)


def _play(act: Any, data: Any) -> Any:
    if act == "echo":
        return data
    if act == "attempt":
        return current_job().attempt
    if act == "metadata":
        values = [current_job().metadata.get(key) for key in ("tenant", "secret", "blob-bin")]
        return [value.hex() if isinstance(value, bytes) else value for value in values]
    if "answer" in act:
        return to_value(act["answer"])
    if "throw" in act:
        text = act["throw"]
        raise ValueError(text if isinstance(text, str) else to_value(text))
    told = act["fail"]
    raise GibbsError(
        told["code"],
        told["message"],
        retry_after=told["retryAfterMs"] / 1000 if "retryAfterMs" in told else None,
        details=[
            AnyMessage(type_url=detail["typeUrl"], value=bytes.fromhex(detail["hex"]))
            for detail in told.get("details", [])
        ],
    )


async def play_all() -> None:
    """Plays until stdin ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    players: dict[int, Player] = {}
    stopping: set[asyncio.Task[None]] = set()
    while text := await lines.get():
        line = json.loads(text)
        if "serve" in line:
            players[line["serve"]] = Player(line)
        elif "release" in line:
            players[line["release"]].release()
        else:
            task = asyncio.ensure_future(players.pop(line["stop"]).stop())
            stopping.add(task)
            task.add_done_callback(stopping.discard)
