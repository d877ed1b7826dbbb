"""What a client says on a `Multiplex` stream."""

from __future__ import annotations

from ._gen.hub_pb2 import MultiplexRequest
from .options import MAX_BATCH_BYTES
from .pending_call import PendingCall

ITEM_BYTES = 64
"""About the size of an item without its payload, options and metadata."""

ENTRY_BYTES = 16
"""About the size of an entry of metadata without its key and value."""


class Batch:
    """The items of one message. Made anew for each: an upb message never gives back what it has
    once held."""

    def __init__(self) -> None:
        self._message = MultiplexRequest()
        self._items = self._message.items
        self._room = MAX_BATCH_BYTES

    def cancel(self, call_id: int) -> None:
        item = self._items.add()
        item.id = call_id
        item.cancel.SetInParent()

    def has_room_for(self, call: PendingCall) -> bool:
        """Whether it belongs in this message. One that is larger than a batch travels alone."""
        size = len(call.payload) + ITEM_BYTES
        if call.options is not None:
            size += call.options.ByteSize()
        for key, value in call.metadata:
            size += len(key) + len(value) + ENTRY_BYTES
        if size > self._room and len(self._items) > 0:
            return False
        self._room -= size
        return True

    def add(self, call: PendingCall, now: float) -> None:
        """Opens the call, under the id that it has."""
        item = self._items.add()
        item.id = call.id
        sent = item.call
        sent.payload = call.payload
        # Rounded up to milliseconds: with zero left it expires at once.
        sent.timeout_ms = max(0, -int((now - call.until) * 1000 // 1))
        if call.method:
            sent.method = call.method
        if call.options is not None:
            sent.options.CopyFrom(call.options)
        for key, value in call.metadata:
            encoded = value.encode() if isinstance(value, str) else value
            sent.metadata.add(key=key, value=encoded)

    def encode(self) -> bytes:
        """Returns the message; empty if there is no item."""
        return self._message.SerializeToString()
