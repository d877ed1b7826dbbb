"""Starts mosec, which is several processes, and reports what they use together."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from serve import options, serve

POLL_S = 0.1
PATIENCE_S = 30
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main():
    given = options()
    app = Path(__file__).with_name("mosec_app.py")
    address = ["--address", "127.0.0.1", "--port", str(given["port"])]
    command = [sys.executable, str(app), *address, "--log-level", "error"]
    env = {**os.environ, "BENCH_PROCESSES": str(given["processes"])}
    server = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    async def usage(collect=False):
        return used_by(server.pid)

    try:
        wait_for_answer(given["port"])
        asyncio.run(serve({}, {"usage": usage}))
    finally:
        server.terminate()
        server.wait()


def wait_for_answer(port):
    until = time.monotonic() + PATIENCE_S
    request = urllib.request.Request(f"http://127.0.0.1:{port}/inference", b"1")
    while True:
        try:
            return urllib.request.urlopen(request).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_S)


def used_by(root):
    """The resources that a process and all below it have used; see usage.ts."""
    stats = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            # It may end meanwhile.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # After the command, which may contain anything.
                stats[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
    family = {root}
    while more := {pid for pid, stat in stats.items() if int(stat[1]) in family} - family:
        family |= more
    used = [stats[pid] for pid in family]
    rss = sum(int(stat[21]) for stat in used) * PAGE_BYTES
    cpu = sum(int(stat[11]) + int(stat[12]) for stat in used) * TICK_US
    return {"cpuUs": cpu, "rssBytes": rss, "heldBytes": rss}


main()
