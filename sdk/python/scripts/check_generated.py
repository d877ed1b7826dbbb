"""Fails unless gibbs_worker/_gen matches the .proto files: `buf build proto -o IMAGE`."""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from gibbs_worker._gen import hub_pb2, payload_pb2, worker_pb2


def plain(file: FileDescriptorProto) -> FileDescriptorProto:
    """Strips comments, what buf adds, and the names that every tool derives in the same way."""
    file.DiscardUnknownFields()
    file.ClearField("source_code_info")
    for message in file.message_type:
        for field in [*message.field, *(f for n in message.nested_type for f in n.field)]:
            field.ClearField("json_name")
    return file


def main() -> None:
    image = FileDescriptorSet.FromString(Path(sys.argv[1]).read_bytes())
    wanted = {file.name: plain(file) for file in image.file if file.package == "gibbs.v1"}
    have = {}
    for module in (hub_pb2, payload_pb2, worker_pb2):
        file = FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        have[file.name] = plain(file)
    differing = {name for name in wanted.keys() | have.keys() if wanted.get(name) != have.get(name)}
    if differing:
        sys.exit(f"does not match the .proto files: {sorted(differing)}; run scripts/generate.py")


if __name__ == "__main__":
    main()
