"""A plain gRPC client, with what docs/reliability.md says to set."""

from __future__ import annotations

from typing import Any, Callable

import grpc
from google.protobuf.json_format import MessageToDict
from program import setting

from gibbs_worker._gen.hub_pb2 import RequestRequest, RequestResponse


class HubServiceStub:
    """What protoc generates beside `hub_pb2`, as `hub_pb2_grpc`."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.Request = channel.unary_unary(
            "/gibbs.v1.HubService/Request",
            request_serializer=RequestRequest.SerializeToString,
            response_deserializer=RequestResponse.FromString,
        )


def connect(address: str, timeout: float) -> Callable[[dict[str, Any]], Any]:
    """Returns a function that calls the hub at `address`."""
    service_config = setting("SOAK_SERVICE_CONFIG")
    options = [("grpc.service_config", service_config)]
    stub = HubServiceStub(grpc.insecure_channel(address, options=options))

    def send(job: dict[str, Any]) -> Any:
        request = RequestRequest()
        request.value.struct_value.update(job)
        response = stub.Request(request, timeout=timeout, wait_for_ready=True)
        return MessageToDict(response.value)

    return send
