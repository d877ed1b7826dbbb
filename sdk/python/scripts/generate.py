"""Writes gibbs_worker/_gen from the .proto files; with --check, tells whether it is as they say.

Runs with grpcio-tools 1.62.3: what its protoc writes works with every protobuf from 4.25 on.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib.resources
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent.parent
PROTO = HERE.parent.parent / "proto"
TARGET = HERE / "gibbs_worker" / "_gen"
PACKAGE = "gibbs_worker._gen"
FILES = ("payload", "worker", "hub")


def generate(target: Path) -> list[str]:
    """Writes the modules to `target` and returns their names."""
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as temporary:
        raw = Path(temporary)
        arguments = [f"-I{PROTO}", f"-I{well_known}", f"--python_out={raw}", f"--pyi_out={raw}"]
        names = [f"gibbs/v1/{name}.proto" for name in FILES]
        if protoc.main(["protoc", *arguments, *names]) != 0:
            sys.exit("protoc failed")
        written = sorted(path for path in raw.rglob("*_pb2.py*"))
        for path in written:
            # There must be no top-level package `gibbs`: that is another library's name.
            text = path.read_text().replace("from gibbs.v1 import", f"from {PACKAGE} import")
            (target / path.name).write_text(text)
        return [path.name for path in written]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if it would change"
    )
    if not parser.parse_args().check:
        TARGET.mkdir(exist_ok=True)
        (TARGET / "__init__.py").write_text(
            '"""Generated from proto/gibbs/v1 by scripts/generate.py."""\n'
        )
        generate(TARGET)
        return
    with tempfile.TemporaryDirectory() as temporary:
        names = generate(Path(temporary))
        _, differing, missing = filecmp.cmpfiles(temporary, TARGET, names, shallow=False)
    if differing or missing:
        sys.exit(f"not as the .proto files say: {differing + missing}; run scripts/generate.py")
    print(f"{len(names)} generated files are as the .proto files say")


if __name__ == "__main__":
    main()
