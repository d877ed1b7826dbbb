from gibbs_worker._gen import worker_pb2 as _worker_pb2
from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestRequest(_message.Message):
    __slots__ = ("value", "data", "content_type", "method", "options")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    value: _struct_pb2.Value
    data: bytes
    content_type: str
    method: str
    options: RequestOptions
    def __init__(self, value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., data: _Optional[bytes] = ..., content_type: _Optional[str] = ..., method: _Optional[str] = ..., options: _Optional[_Union[RequestOptions, _Mapping]] = ...) -> None: ...

class RequestOptions(_message.Message):
    __slots__ = ("request_id", "idempotent", "max_attempts", "queue_timeout", "run_timeout")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RUN_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    idempotent: bool
    max_attempts: int
    queue_timeout: _duration_pb2.Duration
    run_timeout: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., idempotent: bool = ..., max_attempts: _Optional[int] = ..., queue_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., run_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RequestResponse(_message.Message):
    __slots__ = ("value", "data", "content_type", "info")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    value: _struct_pb2.Value
    data: bytes
    content_type: str
    info: CallInfo
    def __init__(self, value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., data: _Optional[bytes] = ..., content_type: _Optional[str] = ..., info: _Optional[_Union[CallInfo, _Mapping]] = ...) -> None: ...

class CallInfo(_message.Message):
    __slots__ = ("request_id", "worker_id", "attempts", "queue_time", "run_time")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_TIME_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    worker_id: str
    attempts: int
    queue_time: _duration_pb2.Duration
    run_time: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., worker_id: _Optional[str] = ..., attempts: _Optional[int] = ..., queue_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., run_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class MultiplexRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ClientItem]
    def __init__(self, items: _Optional[_Iterable[_Union[ClientItem, _Mapping]]] = ...) -> None: ...

class MultiplexResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[HubItem]
    def __init__(self, items: _Optional[_Iterable[_Union[HubItem, _Mapping]]] = ...) -> None: ...

class ClientItem(_message.Message):
    __slots__ = ("id", "call", "cancel")
    ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    id: int
    call: Call
    cancel: CallCancel
    def __init__(self, id: _Optional[int] = ..., call: _Optional[_Union[Call, _Mapping]] = ..., cancel: _Optional[_Union[CallCancel, _Mapping]] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("payload", "method", "options", "timeout_ms", "metadata")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    method: str
    options: RequestOptions
    timeout_ms: int
    metadata: _containers.RepeatedCompositeFieldContainer[_worker_pb2.MetadataEntry]
    def __init__(self, payload: _Optional[bytes] = ..., method: _Optional[str] = ..., options: _Optional[_Union[RequestOptions, _Mapping]] = ..., timeout_ms: _Optional[int] = ..., metadata: _Optional[_Iterable[_Union[_worker_pb2.MetadataEntry, _Mapping]]] = ...) -> None: ...

class CallCancel(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HubItem(_message.Message):
    __slots__ = ("id", "response", "status", "settings", "drain")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    id: int
    response: CallResponse
    status: CallStatus
    settings: MultiplexSettings
    drain: MultiplexDrain
    def __init__(self, id: _Optional[int] = ..., response: _Optional[_Union[CallResponse, _Mapping]] = ..., status: _Optional[_Union[CallStatus, _Mapping]] = ..., settings: _Optional[_Union[MultiplexSettings, _Mapping]] = ..., drain: _Optional[_Union[MultiplexDrain, _Mapping]] = ...) -> None: ...

class CallResponse(_message.Message):
    __slots__ = ("payload", "request_id", "worker_id", "attempts", "queue_time_ms", "run_time_ms")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    request_id: str
    worker_id: str
    attempts: int
    queue_time_ms: float
    run_time_ms: float
    def __init__(self, payload: _Optional[bytes] = ..., request_id: _Optional[str] = ..., worker_id: _Optional[str] = ..., attempts: _Optional[int] = ..., queue_time_ms: _Optional[float] = ..., run_time_ms: _Optional[float] = ...) -> None: ...

class CallStatus(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class MultiplexSettings(_message.Message):
    __slots__ = ("max_payload_bytes", "max_open_calls")
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_CALLS_FIELD_NUMBER: _ClassVar[int]
    max_payload_bytes: int
    max_open_calls: int
    def __init__(self, max_payload_bytes: _Optional[int] = ..., max_open_calls: _Optional[int] = ...) -> None: ...

class MultiplexDrain(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
