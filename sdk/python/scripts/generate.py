"""Writes gibbs_worker/_gen from the .proto files.

Requires grpcio-tools 1.62.3 (`pip install 'gibbs-worker[generate]'`, at most Python 3.12): the
output of its protoc works with every protobuf from 4.25 on.
"""

from __future__ import annotations

import importlib.resources
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent.parent
PROTO = HERE.parent.parent / "proto"
TARGET = HERE / "gibbs_worker" / "_gen"
FILES = ("payload", "worker", "hub")


def main() -> None:
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as raw:
        arguments = [f"-I{PROTO}", f"-I{well_known}", f"--python_out={raw}", f"--pyi_out={raw}"]
        names = [f"gibbs/v1/{name}.proto" for name in FILES]
        if protoc.main(["protoc", *arguments, *names]) != 0:
            sys.exit("protoc failed")
        for path in Path(raw).rglob("*_pb2.py*"):
            # There must be no top-level package `gibbs`: another library has that name.
            text = path.read_text().replace("from gibbs.v1 import", "from gibbs_worker._gen import")
            (TARGET / path.name).write_text(text)


if __name__ == "__main__":
    main()
