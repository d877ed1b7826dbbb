from google.protobuf import any_pb2 as _any_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Idempotency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IDEMPOTENCY_UNSPECIFIED: _ClassVar[Idempotency]
    IDEMPOTENCY_NOT_IDEMPOTENT: _ClassVar[Idempotency]
    IDEMPOTENCY_IDEMPOTENT: _ClassVar[Idempotency]

class HeartbeatMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEARTBEAT_MODE_UNSPECIFIED: _ClassVar[HeartbeatMode]
    HEARTBEAT_MODE_ALWAYS: _ClassVar[HeartbeatMode]
    HEARTBEAT_MODE_WHEN_IDLE: _ClassVar[HeartbeatMode]

class Execution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_UNSPECIFIED: _ClassVar[Execution]
    EXECUTION_NOT_STARTED: _ClassVar[Execution]
    EXECUTION_UNKNOWN: _ClassVar[Execution]
IDEMPOTENCY_UNSPECIFIED: Idempotency
IDEMPOTENCY_NOT_IDEMPOTENT: Idempotency
IDEMPOTENCY_IDEMPOTENT: Idempotency
HEARTBEAT_MODE_UNSPECIFIED: HeartbeatMode
HEARTBEAT_MODE_ALWAYS: HeartbeatMode
HEARTBEAT_MODE_WHEN_IDLE: HeartbeatMode
EXECUTION_UNSPECIFIED: Execution
EXECUTION_NOT_STARTED: Execution
EXECUTION_UNKNOWN: Execution

class WorkRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[WorkerEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[WorkerEvent, _Mapping]]] = ...) -> None: ...

class WorkResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[HubEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[HubEvent, _Mapping]]] = ...) -> None: ...

class WorkerEvent(_message.Message):
    __slots__ = ("hello", "ready", "result", "nack", "heartbeat", "drain")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ready: Ready
    result: Result
    nack: Nack
    heartbeat: Heartbeat
    drain: WorkerDrain
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., drain: _Optional[_Union[WorkerDrain, _Mapping]] = ...) -> None: ...

class HubEvent(_message.Message):
    __slots__ = ("welcome", "job", "cancel", "heartbeat", "drain")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    job: Job
    cancel: Cancel
    heartbeat: Heartbeat
    drain: HubDrain
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., drain: _Optional[_Union[HubDrain, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("worker_id", "instance_id", "name", "version", "sdk", "methods", "labels", "heartbeat_mode", "max_receive_bytes", "features")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MODE_FIELD_NUMBER: _ClassVar[int]
    MAX_RECEIVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    instance_id: bytes
    name: str
    version: str
    sdk: str
    methods: _containers.RepeatedCompositeFieldContainer[Method]
    labels: _containers.ScalarMap[str, str]
    heartbeat_mode: HeartbeatMode
    max_receive_bytes: int
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, worker_id: _Optional[str] = ..., instance_id: _Optional[bytes] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., sdk: _Optional[str] = ..., methods: _Optional[_Iterable[_Union[Method, _Mapping]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., heartbeat_mode: _Optional[_Union[HeartbeatMode, str]] = ..., max_receive_bytes: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class Method(_message.Message):
    __slots__ = ("name", "idempotency")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_FIELD_NUMBER: _ClassVar[int]
    name: str
    idempotency: Idempotency
    def __init__(self, name: _Optional[str] = ..., idempotency: _Optional[_Union[Idempotency, str]] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("slots",)
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slots: int
    def __init__(self, slots: _Optional[int] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("job_id", "payload", "failure")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    payload: bytes
    failure: Failure
    def __init__(self, job_id: _Optional[int] = ..., payload: _Optional[bytes] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "type", "message", "stack", "details", "reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: int
    type: str
    message: str
    stack: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    reason: str
    def __init__(self, code: _Optional[int] = ..., type: _Optional[str] = ..., message: _Optional[str] = ..., stack: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class Nack(_message.Message):
    __slots__ = ("job_id", "execution", "reason")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    execution: Execution
    reason: str
    def __init__(self, job_id: _Optional[int] = ..., execution: _Optional[_Union[Execution, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("pending_bytes",)
    PENDING_BYTES_FIELD_NUMBER: _ClassVar[int]
    pending_bytes: int
    def __init__(self, pending_bytes: _Optional[int] = ...) -> None: ...

class WorkerDrain(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session_id", "hub_id", "heartbeat_interval_ms", "liveness_timeout_ms", "hub_timeout_ms", "cancel_grace_ms", "max_payload_bytes", "max_slots", "rejected_methods", "features")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    HUB_ID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    LIVENESS_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    HUB_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SLOTS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_METHODS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    hub_id: str
    heartbeat_interval_ms: int
    liveness_timeout_ms: int
    hub_timeout_ms: int
    cancel_grace_ms: int
    max_payload_bytes: int
    max_slots: int
    rejected_methods: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[str] = ..., hub_id: _Optional[str] = ..., heartbeat_interval_ms: _Optional[int] = ..., liveness_timeout_ms: _Optional[int] = ..., hub_timeout_ms: _Optional[int] = ..., cancel_grace_ms: _Optional[int] = ..., max_payload_bytes: _Optional[int] = ..., max_slots: _Optional[int] = ..., rejected_methods: _Optional[_Iterable[str]] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("job_id", "method", "payload", "attempt", "timeout_ms", "metadata", "request_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    method: str
    payload: bytes
    attempt: int
    timeout_ms: int
    metadata: _containers.RepeatedCompositeFieldContainer[MetadataEntry]
    request_id: str
    def __init__(self, job_id: _Optional[int] = ..., method: _Optional[str] = ..., payload: _Optional[bytes] = ..., attempt: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., metadata: _Optional[_Iterable[_Union[MetadataEntry, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class MetadataEntry(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: bytes
    def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("job_id", "reason")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    reason: str
    def __init__(self, job_id: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class HubDrain(_message.Message):
    __slots__ = ("reconnect_after_ms", "exit")
    RECONNECT_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    reconnect_after_ms: int
    exit: bool
    def __init__(self, reconnect_after_ms: _Optional[int] = ..., exit: bool = ...) -> None: ...
