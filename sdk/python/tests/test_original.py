"""The test file of the Python library `gibbs`, unmodified, on this package."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHIM = ROOT / "sdk/python/tests/original/gibbs/__init__.py"
FOLDER = ROOT / "third_party/gibbs"
FILE = FOLDER / "test_gibbs.py"

INTERNALS = {"test_overload_response_buffer_fast", "test_overload_response_buffer_slow"}
"""Tests of what the original does inside; docs/migrating.md says why each cannot pass here."""

RUNS = 5
"""The file allows workers 0.1 to 0.3 s to start and to answer. What fails on a busy machine is run
again."""

OPTIONS = [
    *("-c", os.devnull, "--rootdir", str(FOLDER), "-p", "no:cacheprovider", "-o", "timeout=60"),
    *("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"),
]

PROGRAM = """
import asyncio, sys
from gibbs import Hub, UserCodeException, Worker

def half(x, *, of=2):
    return x / of

async def main():
    port = int(sys.argv[1])
    worker = Worker(half, gibbs_port=port, gibbs_heartbeat_interval=0.1)
    worker.start()
    hub = Hub(port=port, heartbeat_interval=0.1, resp_buffer_size=2)
    print(await hub.request(3), await hub.request(3, of=4))
    try:
        await hub.request("three")
    except UserCodeException as error:
        print(error.remote_type)
    hub.__del__()
    again = Hub(port=port)
    print(await again.request(5))
    worker.terminate()
    worker.join()
    try:
        await again.request(7, gibbs_timeout=0.1, gibbs_retries=1)
    except asyncio.TimeoutError:
        print("late")

asyncio.run(main())
"""


def test_the_shim_is_small():
    assert len(SHIM.read_text().splitlines()) <= 120


def test_the_shim_serves_a_program_of_the_original(unused_tcp_port):
    command = [sys.executable, "-c", PROGRAM, str(unused_tcp_port)]
    env = {**os.environ, "PYTHONPATH": str(SHIM.parents[1])}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("1.5 0.75\nTypeError\n2.5\nlate\n", "")


def test_the_documentation_lists_the_tests_that_are_left_out():
    assert {name for name, verdict in documented() if verdict != "passes"} == INTERNALS


@pytest.mark.timeout(300)
def test_every_test_about_behaviour_passes(tmp_path):
    if not FILE.exists():
        pytest.skip("the original's test file is not here: run third_party/gibbs/fetch.sh")
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name
    everything = re.findall(r"^(?:async )?def (test_\w+)", FILE.read_text(), re.MULTILINE)
    assert everything == [name for name, _ in documented()]
    passed: set[str] = set()
    wanted = [name for name in everything if name not in INTERNALS]
    for _ in range(RUNS):
        output = run([name for name in wanted if name not in passed], tmp_path / "report.xml")
        passed |= passed_in(tmp_path / "report.xml")
        if passed == {*wanted}:
            return
    pytest.fail(output)


def run(names: list[str], report: Path) -> str:
    """Runs these tests; returns what pytest prints."""
    tests = [f"{FILE}::{name}" for name in names]
    command = [sys.executable, "-m", "pytest", *OPTIONS, f"--junit-xml={report}", *tests]
    env = {**os.environ, "PYTHONPATH": str(SHIM.parents[1])}
    pytest_process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        return pytest_process.communicate()[0]
    finally:
        # Its hubs and workers would outlive it if this test runs out of time.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pytest_process.pid, signal.SIGKILL)


def passed_in(report: Path) -> set[str]:
    cases = ElementTree.parse(report).iter("testcase")
    return {case.attrib["name"] for case in cases if len(case) == 0}


def documented() -> list[tuple[str, str]]:
    """Returns the rows of the table: the name of each test, and what becomes of it."""
    text = (ROOT / "docs/migrating.md").read_text()
    return re.findall(r"^\| `(test_\w+)` \| ([^|]+?) \|$", text, re.MULTILINE)
