"""Length-prefixed messages between an agent and its processes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Callable, TypeVar

from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)
_LENGTH = struct.Struct(">I")


def frame(message: Message) -> bytes:
    encoded = message.SerializeToString()
    return _LENGTH.pack(len(encoded)) + encoded


async def read_frames(
    reader: asyncio.StreamReader, parse: Callable[[bytes], _M]
) -> AsyncIterator[_M]:
    """Yields received messages until the other end is closed."""
    try:
        while True:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            yield parse(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
