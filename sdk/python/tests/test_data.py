"""Which data can and cannot be sent, and which options can and cannot be set."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from gibbs_worker import Client, GibbsError, GibbsTimeoutError, Hub, Worker, payload
from gibbs_worker._gen.payload_pb2 import Payload
from gibbs_worker.options import hub_address
from gibbs_worker.status import clip


def there_and_back(data: object) -> Any:
    message = Payload()
    payload.fill(message, data)
    return payload.read(Payload.FromString(message.SerializeToString()))


@pytest.mark.parametrize(
    "data",
    [None, True, 0, -3, 2**53, 1.5, 1e300, "", "ü\0", [], {}, b"", b"\xff", [[], {"": [None]}]],
)
def test_what_can_be_sent_comes_back_as_it_was(data):
    back = there_and_back(data)
    assert back == data
    assert type(back) is type(data)


class Array:
    def tolist(self) -> list[int]:
        return []


def nested(levels: int) -> list[Any]:
    data: list[Any] = []
    for _ in range(levels - 1):
        data = [data]
    return data


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (float("nan"), "nan cannot be sent"),
        ({"a": [1, float("inf")]}, r"inf at a\[1\] cannot be sent"),
        (2**53 + 1, r"beyond 2\*\*53 cannot be sent"),
        ({"a": {1: 2}}, "a key of the type int at a cannot be sent"),
        ([b"x"], r"bytes at \[0\] cannot be sent: .* as the whole payload"),
        ("\ud800", "lone surrogate"),
        ({1, 2}, "the type set cannot be sent"),
        (Array(), r"tolist\(\) and tobytes\(\) make them"),
        (nested(49), "more than 48 levels"),
    ],
)
def test_what_cannot_be_sent_is_named(data, told):
    with pytest.raises(TypeError, match=told):
        there_and_back(data)


def test_the_deepest_data_that_travels():
    assert there_and_back(nested(48)) == nested(48)


def test_calls():
    message = Payload()
    payload.fill_call(message, [1, 2], {"key": "v"})
    assert message.content_type == "application/vnd.gibbs.call+json"
    encoded = message.SerializeToString()
    assert payload.decode_call(encoded) == ([1, 2], {"key": "v"})
    message.value.number_value = 3
    with pytest.raises(ValueError, match="but not"):
        payload.decode_call(message.SerializeToString())


def test_addresses(monkeypatch):
    assert hub_address() == "127.0.0.1:5019"
    assert hub_address(port=1) == "127.0.0.1:1"
    assert hub_address(host="::1") == "[::1]:5019"
    assert hub_address(":80") == "127.0.0.1:80"
    assert hub_address("unix:/x") == "unix:/x"
    monkeypatch.setenv("GIBBS_HUB", "")
    assert hub_address() == "127.0.0.1:5019"
    monkeypatch.setenv("GIBBS_HUB", "there:7, unix:/x")
    assert hub_address() == "there:7,unix:/x"
    assert hub_address("here:8") == "here:8"
    for wrong in ("here", "here:", "here:70000", "a b:1"):
        with pytest.raises(ValueError, match="is not an address"):
            hub_address(wrong)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Worker(5), "5 is not a handler"),
        (lambda: Worker("model"), "write module:name"),
        (lambda: Worker(print, gibbs_slots=0), "slots must be a whole number from 1"),
        (lambda: Worker(print, gibbs_isolation="fiber"), "isolation is"),
        (lambda: Worker(print, gibbs_count=2), "several processes"),
        (lambda: Worker(print, gibbs_sluts=2), "gibbs_sluts is not an option"),
        (lambda: Worker(print, gibbs_heartbeat_interval=1), "is set on the hub"),
        (lambda: Worker(print, gibbs_drain_timeout=-1), "must be a number of seconds"),
        (lambda: Worker(print).join(), "was not started"),
        (lambda: Worker(print, gibbs_worker_id="\ud800"), "worker_id has a lone surrogate"),
        (lambda: Worker(print, gibbs_name="\ud800"), "name has a lone surrogate"),
        (lambda: Worker(print, gibbs_version="\ud800"), "version has a lone surrogate"),
        (lambda: Worker(print, gibbs_labels={"\ud800": "v"}), "a label has a lone surrogate"),
        (lambda: Worker(print, gibbs_labels={"k": "\ud800"}), "the label k has a lone surrogate"),
        (lambda: Worker(print, gibbs_method="\ud800"), "a method has a lone surrogate"),
        (lambda: Worker(dict, gibbs_methods=["\ud800"]), "a method has a lone surrogate"),
        (lambda: Worker({"\ud800": print}), "a method has a lone surrogate"),
        (lambda: Client("x"), "is not an address"),
        (lambda: Client(timeout=-1), "must be a number of seconds"),
        (lambda: Hub(port=99999), "is not an address"),
        (lambda: GibbsError("NO", "x"), "is not a gRPC status code"),
    ],
)
def test_what_cannot_be_set_is_said(make, told):
    with pytest.raises((TypeError, ValueError, RuntimeError), match=told):
        make()


@pytest.mark.parametrize(
    "options",
    [
        {"gibbs_max_attempts": 11},
        {"gibbs_timeout": "1"},
        {"gibbs_metadata": {"grpc-x": "y"}},
        {"gibbs_metadata": {"x": b"y"}},
        {"gibbs_metadata": {"x-bin": "y"}},
        {"gibbs_timeuot": 1},
    ],
)
async def test_what_a_request_cannot_have_is_said(options):
    async with Client() as client:
        with pytest.raises((TypeError, ValueError)):
            await client.request(1, **options)


def test_errors_can_be_pickled():
    error = GibbsTimeoutError("DEADLINE_EXCEEDED", "late", reason="RUN_TIMEOUT", attempts=2)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is GibbsTimeoutError
    assert (str(copy), copy.attempts) == ("late (DEADLINE_EXCEEDED, RUN_TIMEOUT)", 2)


def test_texts_are_cut_between_characters():
    assert clip("üüü", 6) == "üüü"
    assert clip("üüüü", 6) == "ü…"
    assert clip("üüüü", 6, keep_end=True) == "…ü"
