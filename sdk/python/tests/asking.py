"""Clients of every kind, for async tests."""

from __future__ import annotations

import asyncio
from typing import Any

from gibbs_worker import Client, SyncClient

KINDS = ["async", "async unary", "sync", "sync unary"]


class Asking:
    """A client of any kind, for an async test."""

    def __init__(self, kind: str, hub: str, **options: Any) -> None:
        self._make = SyncClient if kind.startswith("sync") else Client
        how = "unary" if kind.endswith("unary") else "multiplex"
        self._client: Any = self._make(hub, transport=how, **options)

    async def ask(self, data: object = 1, **options: Any) -> Any:
        """Returns the worker that has answered."""
        ask = self._client.request_with_info
        if isinstance(self._client, SyncClient):
            answer = await asyncio.to_thread(ask, data, **options)
        else:
            answer = await ask(data, **options)
        assert answer.output == data
        return answer.worker_id

    async def __aenter__(self) -> Asking:
        return self

    async def __aexit__(self, *_: object) -> None:
        if isinstance(self._client, SyncClient):
            await asyncio.to_thread(self._client.close)
        else:
            await self._client.close()


def same(data: object) -> object:
    return data
