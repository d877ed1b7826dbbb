"""Prints the options of this package as JSON, each with its default; docs/options.md is compared
with that."""

import argparse
import inspect
import json
from typing import Any, Callable

from gibbs_worker import Client, Hub, SyncClient, Worker, cli, outgoing

NONE = inspect.Parameter.empty


def options_of(function: Callable[..., Any], *without: str) -> dict[str, Any]:
    """Returns the named parameters of a function."""
    return {
        name: None if parameter.default is NONE else parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", *without)
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def flags_of(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Returns the long flags of a command."""
    flags: dict[str, Any] = {}
    for action in parser._actions:
        for flag in action.option_strings:
            if flag.startswith("--") and flag not in ("--help", "--version"):
                flags[flag] = action.default
    return flags


print(
    json.dumps(
        {
            "Client": options_of(Client),
            "SyncClient": options_of(SyncClient),
            "Hub": options_of(Hub),
            "request": dict.fromkeys(sorted(outgoing.OPTIONS)),
            "map": options_of(Client.map, "inputs"),
            "sync map": options_of(SyncClient.map, "inputs"),
            "Worker": options_of(Worker, "handlers"),
            "gibbs-worker": flags_of(cli._parser()),
        }
    )
)
