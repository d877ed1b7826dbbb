"""Must be imported before gRPC, which reads its settings when it is loaded."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

# Processes are started while channels are open, and never use what they inherit from them. gRPC's
# fork handlers would serve no purpose then, and can abort the new process before its program runs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


class Forkable(Protocol):
    """What must not use in a child what it has opened in its parent."""

    def forget(self) -> None:
        """Called in the child, before anything else runs there."""


_forkables: WeakSet[Forkable] = WeakSet()


def forget_in_children(one: Forkable) -> None:
    """Has it forget its connections in every process that is forked from this one."""
    _forkables.add(one)


_inherited: list[object] = []


def leave_to_parent(*things: object) -> None:
    """Keeps what a child must neither use nor clean up, as it belongs to its parent."""
    _inherited.append(things)


def _forget_all() -> None:
    for one in list(_forkables):
        one.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
