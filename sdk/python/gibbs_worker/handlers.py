"""Turns what the user serves into callables by method."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Union, cast

from .options import check_text

HINT = "give a function, a class with __call__, a dict of those by method, or 'module:name'"

Handlers = Union[Callable[..., Any], Mapping[str, Callable[..., Any]], str]
"""A function, a class, a callable object, a dict of these by method, or "module:name"."""


@dataclass(frozen=True)
class Target:
    """What to serve, before it is built. Can be sent to another process."""

    handlers: Handlers
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    method: str
    methods: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(self.handlers, str) and not re.fullmatch(r"[\w.]+:[\w.]+", self.handlers):
            raise ValueError(f"{self.handlers!r} is not a valid name: write module:name")
        if not isinstance(self.handlers, (str, Mapping)) and not callable(self.handlers):
            raise TypeError(f"{self.handlers!r} is not a handler: {HINT}")
        names = self.handlers if isinstance(self.handlers, Mapping) else ()
        for name in (self.method, *self.methods, *names):
            check_text("a method", name)


def load(target: Target) -> Callable[..., Any] | Mapping[str, Callable[..., Any]]:
    """Imports what `target` names. ImportError or AttributeError if it does not exist."""
    if not isinstance(target.handlers, str):
        return target.handlers
    module, _, path = target.handlers.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    handlers: Callable[..., Any] | Mapping[str, Callable[..., Any]] = found
    return handlers


def build(loaded: object, target: Target) -> dict[str, Callable[..., Any]]:
    """Instantiates the classes. Raises TypeError for anything that is not a handler, and whatever a
    constructor raises."""
    if isinstance(loaded, Mapping):
        if not loaded:
            raise TypeError(f"an empty dict is not a handler: {HINT}")
        for name in loaded:
            check_text("a method", name)
        return {name: _build_one(one, target) for name, one in loaded.items()}
    if not target.methods:
        return {target.method: _build_one(loaded, target)}
    if not inspect.isclass(loaded):
        raise TypeError(f"gibbs_methods needs a class, and {loaded!r} is not one")
    model = loaded(*target.args, **target.kwargs)
    handlers = {name: getattr(model, name) for name in target.methods}
    return {target.method: model, **handlers} if callable(model) else handlers


def _build_one(handler: object, target: Target) -> Callable[..., Any]:
    if inspect.isclass(handler):
        model = handler(*target.args, **target.kwargs)
        if callable(model):
            return cast("Callable[..., Any]", model)
        raise TypeError(f"the class {handler.__name__} has no __call__: {HINT}")
    if not callable(handler):
        raise TypeError(f"{handler!r} is not a handler: {HINT}")
    if target.args or target.kwargs:
        raise TypeError(f"{handler!r} is not a class, so it takes no constructor arguments")
    return handler


def is_async(handler: object) -> bool:
    """Whether calling it, or for a class its instance, returns a coroutine."""
    if inspect.iscoroutinefunction(handler):
        return True
    kind = handler if inspect.isclass(handler) else type(handler)
    return inspect.iscoroutinefunction(getattr(kind, "__call__", None))  # noqa: B004


def wants_loop(loaded: object, target: Target) -> bool:
    """Whether it must be built on the event loop, because any part of it is async."""
    if isinstance(loaded, Mapping):
        return any(is_async(one) for one in loaded.values())
    return is_async(loaded) or any(is_async(getattr(loaded, m, None)) for m in target.methods)
