"""The command `gibbs-worker`, also available as `python -m gibbs_worker`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from ._version import __version__
from .errors import GibbsError
from .proxy import proxy_hint
from .worker import Worker

EXIT_CODES = """exit codes:
    0  done
    1  failed: the module cannot be loaded, the hub refuses this worker, ...
    2  usage error
  130  interrupted by a second signal

examples:
  $ python -m gibbs_worker model:Model --count 4
  $ python -m gibbs_worker model:Model --args '[0.25]' --hub 10.0.0.7:5019
  $ python -m gibbs_worker app:fetch --method fetch --isolation thread --slots 100

SIGTERM and Ctrl-C let running requests finish."""

LEVELS = ["debug", "info", "warn", "error", "silent"]

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

QUIET = 1.0
"""The number of seconds after which a worker that is not ready says so."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Serves until SIGTERM or Ctrl-C, then exits."""
    flags = _parser().parse_args(argv)
    _log_to_stderr(flags.log_level)
    try:
        worker = Worker(
            flags.target,
            *flags.args,
            gibbs_hub=flags.hub,
            gibbs_method=flags.method,
            gibbs_count=flags.count,
            gibbs_slots=flags.slots,
            gibbs_isolation=flags.isolation,
            gibbs_idempotent=flags.idempotent,
            gibbs_worker_id=flags.worker_id,
            gibbs_kill_grace=flags.kill_grace,
            gibbs_send_tracebacks=flags.tracebacks,
        )
    except ValueError as error:
        print(f"gibbs-worker: {error}", file=sys.stderr)
        sys.exit(2)
    try:
        interrupted = asyncio.run(_serve(worker, flags.count * flags.slots))
    except GibbsError as error:
        sys.exit(f"gibbs-worker: {error}")
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    sys.exit(130 if interrupted else 0)


async def _serve(worker: Worker, slots: int) -> bool:
    def tell_waiting() -> None:
        what = f"still building what it serves, or no hub at {worker.hub}: is one running there?"
        print(f"gibbs-worker: {what}{proxy_hint(worker.hub)}", file=sys.stderr, flush=True)

    def tell_ready() -> None:
        quiet.cancel()
        print(f"gibbs-worker ready: {slots} at once for {worker.hub}", flush=True)

    quiet = asyncio.get_running_loop().call_later(QUIET, tell_waiting)
    try:
        return await worker.serve_until_signalled(tell_ready)
    finally:
        quiet.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gibbs-worker",
        description="Serve a class or function from separate processes.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", help="module:name of a function, a class, or a dict of those by method")
    add(
        "--hub",
        help="the hub, host:port or unix:path, or several separated by commas "
        "(env: GIBBS_HUB; default: 127.0.0.1:5019)",
    )
    add("-n", "--count", type=int, default=1, help="processes (default: 1)")
    add("--slots", type=int, default=1, help="concurrent requests in each process (default: 1)")
    add(
        "--isolation",
        choices=["process", "thread"],
        default="process",
        help="run handlers in separate processes, or in this one (default: process)",
    )
    add("--args", type=_arguments, default=[], help="constructor arguments, a JSON array")
    add("--method", default="", help="the method that a single handler serves")
    add(
        "--idempotent",
        action="store_true",
        default=None,
        help="allow requests to run again if a worker is lost",
    )
    add("--worker-id", default="", help="a label for people (default: host, process id, number)")
    add(
        "--kill-grace",
        type=_seconds,
        default=5.0,
        metavar="TIME",
        help="how long a cancelled job may keep running, such as 500ms or 5s (default: 5s)",
    )
    add(
        "--tracebacks",
        "--stacks",
        action="store_true",
        help="send the tracebacks of exceptions to callers",
    )
    add(
        "--log-level",
        type=_level,
        default=os.environ.get("GIBBS_LOG_LEVEL") or "warn",
        metavar="{" + ",".join(LEVELS) + "}",
        help="what to log to stderr, as JSON lines (env: GIBBS_LOG_LEVEL; default: warn)",
    )
    add("--version", action="version", version=__version__)
    return parser


def _arguments(text: str) -> list[Any]:
    with contextlib.suppress(ValueError):
        args = json.loads(text)
        if isinstance(args, list):
            return args
    raise argparse.ArgumentTypeError("write a JSON array, such as '[0.25]'")


def _seconds(text: str) -> float:
    """Reads `250ms`, `5s`, `2m` or `1h`, as `gibbs` does; a bare number is seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text)
    if match is None:
        raise argparse.ArgumentTypeError("write a time, such as 500ms or 5s")
    return float(match[1]) * UNITS[match[2] or "s"]


def _level(text: str) -> str:
    """Reads a level, of the flag or of the environment."""
    if text not in LEVELS:
        levels = ", ".join(LEVELS)
        message = f"{text!r} (the flag's or GIBBS_LOG_LEVEL's) is not one of {levels}"
        raise argparse.ArgumentTypeError(message)
    return text


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname.lower(),
            "time": round(record.created * 1000),
            "pid": record.process,
            "msg": record.getMessage(),
        }
        return json.dumps(line)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logger = logging.getLogger("gibbs_worker")
    logger.addHandler(handler)
    logger.setLevel(logging.CRITICAL + 1 if level == "silent" else level.upper())
