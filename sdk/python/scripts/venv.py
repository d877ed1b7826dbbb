"""Creates .venv: the tools, kept until pyproject.toml changes, and this package in its current
state.

python3 scripts/venv.py

Several may run at once. An existing installation that is up to date is not touched, so programs may
be using it.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent
VENV = SDK / ".venv"
PIP = [str(VENV / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]


def main() -> None:
    with (SDK / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tools = digest([SDK / "pyproject.toml"])
        if read("tools") != tools:
            shutil.rmtree(VENV, ignore_errors=True)
            run(sys.executable, "-m", "venv", str(VENV))
            run(*PIP, ".[dev]")
            (VENV / "tools").write_text(tools)
        package = digest(sorted((SDK / "gibbs_worker").rglob("*.py")))
        if read("package") != package:
            # With the installed tools: needs no network.
            run(*PIP, "--no-deps", "--no-build-isolation", "--force-reinstall", ".")
            (VENV / "package").write_text(package)


def digest(files: Iterable[Path]) -> str:
    """Returns a digest of the names and contents of these files, and of the Python version."""
    found = hashlib.sha256(sys.version.encode())
    for file in files:
        found.update(f"\n{file.relative_to(SDK)}\n".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def read(stamp: str) -> str:
    file = VENV / stamp
    return file.read_text() if file.exists() else ""


def run(*command: str) -> None:
    if subprocess.run(command, cwd=SDK, check=False).returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")


main()
