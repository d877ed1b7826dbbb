"""The client's stream, with a hub that is scripted frame by frame."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from raw_multiplex import DRAIN, RawMultiplexHub, input_of, response, within

from gibbs_worker import Client, GibbsError, http2
from gibbs_worker._gen.hub_pb2 import CallStatus, HubItem, MultiplexResponse, MultiplexSettings


@pytest_asyncio.fixture
async def client(multiplex_hub: RawMultiplexHub) -> AsyncIterator[Client]:
    async with Client(multiplex_hub.address) as client:
        yield client


def ask(client: Client, data: object, **options: Any) -> asyncio.Future[Any]:
    return asyncio.ensure_future(client.request(data, **options))


async def failure(request: asyncio.Future[Any]) -> GibbsError:
    with pytest.raises(GibbsError) as caught:
        await within(request)
    return caught.value


async def test_calls_of_one_tick_share_a_message(multiplex_hub, client):
    requests = [ask(client, x) for x in range(100)]
    stream = await multiplex_hub.stream()
    calls = [await stream.hear() for _ in requests]
    assert len(stream.messages) == 1
    assert [input_of(call) for call in calls] == list(range(100))
    # In any order, in one message.
    stream.send(*(response(call, call.id) for call in reversed(calls)))
    assert await asyncio.gather(*requests) == [call.id for call in calls]


async def test_what_a_call_says(multiplex_hub, client):
    request = ask(
        client,
        {"a": 1},
        gibbs_method="embed",
        gibbs_timeout=7,
        gibbs_idempotent=True,
        gibbs_max_attempts=2,
        gibbs_request_id="r1",
        gibbs_metadata={"X-Tenant": "blue", "t-bin": b"\xff"},
    )
    stream = await multiplex_hub.stream()
    item = await stream.hear()
    call = item.call
    assert (call.method, call.options.request_id) == ("embed", "r1")
    assert (call.options.idempotent, call.options.max_attempts) == (True, 2)
    assert 0 < call.timeout_ms <= 7000
    assert {entry.key: entry.value for entry in call.metadata} == {
        "x-tenant": b"blue",
        "t-bin": b"\xff",
    }
    assert stream.headers[b":path"] == b"/gibbs.v1.HubService/Multiplex"
    stream.send(response(item, "done"))
    assert await request == "done"


async def test_a_cancelled_task_cancels_its_call_alone(multiplex_hub, client):
    first, second = ask(client, 1), ask(client, 2)
    stream = await multiplex_hub.stream()
    calls = [await stream.hear(), await stream.hear()]
    first.cancel()
    assert (await stream.hear("cancel")).id == calls[0].id
    # Its status still follows, and only then is the id free again.
    stream.send(HubItem(id=calls[0].id, status=CallStatus(code=1)), response(calls[1], "two"))
    assert await second == "two"
    assert first.cancelled()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is newer")
async def test_asyncio_timeout_cancels(multiplex_hub, client, clock):
    async def patient() -> None:
        async with asyncio.timeout(5):
            await client.request(1)

    request = asyncio.ensure_future(patient())
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    clock.move(5)
    with pytest.raises(TimeoutError):
        await within(request)
    assert (await stream.hear("cancel")).id == call.id


async def test_a_call_that_was_not_sent_is_only_forgotten(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.silent_stream()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    later = ask(client, 2)
    await stream.greet()
    call = await stream.hear()
    assert input_of(call) == 2
    stream.send(response(call, "later"))
    assert await later == "later"


async def test_more_calls_than_a_stream_may_have_open_get_another(multiplex_hub, client):
    requests = [ask(client, x) for x in range(5)]
    streams = [await multiplex_hub.stream(max_open_calls=2) for _ in range(3)]
    answers = []
    for stream, count in zip(streams, (2, 2, 1)):
        calls = [await stream.hear() for _ in range(count)]
        answers.append([input_of(call) for call in calls])
        stream.send(*(response(call, input_of(call)) for call in calls))
    assert answers == [[0, 1], [2, 3], [4]]
    assert await asyncio.gather(*requests) == list(range(5))
    # There is room on the first again.
    one_more = ask(client, "more")
    call = await streams[0].hear()
    streams[0].send(response(call, "more"))
    assert await one_more == "more"


async def test_a_payload_larger_than_the_window_waits_for_it(multiplex_hub, client):
    request = ask(client, bytes(100_000))
    stream = await multiplex_hub.stream(window=30_000)
    await stream.hear_bytes(30_000)
    # A cancel of another call cannot overtake it, but is not lost.
    second = ask(client, "small")
    await asyncio.sleep(0)
    second.cancel()
    for _ in range(3):
        before = stream.data_bytes
        stream.write(http2.window_update(1, 30_000))
        await stream.hear_bytes(min(before + 30_000, 100_000))
    call = await stream.hear()
    assert len(input_of(call)) == 100_000
    stream.send(response(call, "done"))
    assert await request == "done"


async def test_answers_arrive_byte_by_byte_and_in_padded_frames(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    message = http2.data_frame(response_bytes(call, "sliced"))[http2.HEAD_BYTES :]
    for at in range(len(message)):
        padded = b"\x03" + message[at : at + 1] + bytes(3)
        for byte in http2.frame(http2.DATA, http2.PADDED, 1, padded):
            stream.write(bytes([byte]))
    assert await within(request) == "sliced"


def response_bytes(call: Any, data: object) -> bytes:
    return MultiplexResponse(items=[response(call, data)]).SerializeToString()


async def test_an_answer_of_many_frames(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    message = response_bytes(call, bytes(3_000_000))
    whole = b"\0" + len(message).to_bytes(4, "big") + message
    for at in range(0, len(whole), http2.FRAME_BYTES):
        chunk = whole[at : at + http2.FRAME_BYTES]
        stream.write(http2.frame(http2.DATA, 0, 1, chunk))
    assert await within(request) == bytes(3_000_000)


async def test_a_client_gives_its_hub_windows_back(multiplex_hub, client):
    stream = None
    for _ in range(4):
        request = ask(client, 1)
        stream = stream or await multiplex_hub.stream()
        call = await stream.hear()
        message = response_bytes(call, bytes(3_000_000))
        whole = b"\0" + len(message).to_bytes(4, "big") + message
        for at in range(0, len(whole), http2.FRAME_BYTES):
            stream.write(http2.frame(http2.DATA, 0, 1, whole[at : at + http2.FRAME_BYTES]))
        await within(request)
    assert stream is not None
    await stream.hear_frame(http2.WINDOW_UPDATE)  # At the start, for the connection.
    grown = await stream.hear_frame(http2.WINDOW_UPDATE)
    assert http2.number(grown) >= http2.WINDOW // 2


async def test_a_draining_hub_finishes_while_new_calls_go_elsewhere(multiplex_hub, client):
    first = ask(client, "first")
    old = await multiplex_hub.stream()
    call = await old.hear()
    old.send(DRAIN)
    await old_is_left(old)
    second = ask(client, "second")
    new = await multiplex_hub.stream()
    new_call = await new.hear()
    assert input_of(new_call) == "second"
    new.send(response(new_call, 2))
    assert await second == 2
    assert not old.half_closed.is_set()
    old.send(response(call, 1))
    assert await first == 1
    await within(old.half_closed.wait())
    old.end()
    await within(old.closed.wait())


async def old_is_left(stream: Any) -> None:
    """Waits until the client has read everything that was sent before."""
    stream.write(http2.frame(http2.PING, 0, 0, b"12345678"))
    assert await stream.hear_frame(http2.PING) == b"12345678"


async def test_goaway_hands_over(multiplex_hub, client):
    first = ask(client, "first")
    old = await multiplex_hub.stream()
    call = await old.hear()
    for last_id in (http2.MAX_WINDOW, 1):  # Twice, as graceful servers do.
        old.write(http2.frame(http2.GOAWAY, 0, 0, last_id.to_bytes(4, "big") + bytes(4)))
    await old_is_left(old)
    second = ask(client, "second")
    new = await multiplex_hub.stream()
    new_call = await new.hear()
    new.send(response(new_call, 2))
    assert await second == 2
    old.send(response(call, 1))
    assert await first == 1
    await within(old.half_closed.wait())
    # What still comes from the old one does no harm.
    old.cut()
    third = ask(client, "third")
    new.send(response(await new.hear(), 3))
    assert await third == 3


async def test_goaway_for_a_stream_that_was_not_accepted(multiplex_hub, client):
    request = ask(client, 1, gibbs_idempotent=True)
    old = await multiplex_hub.silent_stream()
    await within(old.opened.wait())
    old.write(http2.settings({}), http2.frame(http2.GOAWAY, 0, 0, bytes(8)))
    # It had not been sent: another connection is made for it.
    new = await multiplex_hub.stream()
    new.send(response(await new.hear(), "again"))
    assert await within(request) == "again"


async def test_calls_that_had_been_written_when_the_connection_broke(multiplex_hub, client):
    lost = ask(client, "lost")
    again = ask(client, "again", gibbs_idempotent=True)
    old = await multiplex_hub.stream()
    for _ in range(2):
        await old.hear()
    old.cut()
    error = await failure(lost)
    assert (error.code, error.reason) == ("UNAVAILABLE", "CONNECTION_LOST")
    assert error.execution == "UNKNOWN"
    new = await multiplex_hub.stream()
    call = await new.hear()
    assert input_of(call) == "again"
    new.send(response(call, "there"))
    assert await again == "there"


async def test_an_idempotent_call_is_sent_three_times_at_most(multiplex_hub, client):
    request = ask(client, 1, gibbs_idempotent=True)
    for _ in range(3):
        stream = await multiplex_hub.stream()
        await stream.hear()
        stream.cut()
    error = await failure(request)
    assert (error.reason, error.execution) == ("CONNECTION_LOST", "UNKNOWN")


async def test_a_call_that_may_have_run_is_never_said_not_to_have_started(multiplex_hub, clock):
    async with Client(multiplex_hub.address, connect_timeout=10) as client:
        request = ask(client, 1, gibbs_idempotent=True)
        stream = await multiplex_hub.stream()
        await stream.hear()
        stream.cut()
        # It dials for the second send, and nobody talks to it.
        await multiplex_hub.silent_stream()
        clock.move(10)
        error = await failure(request)
    assert (error.code, error.reason) == ("ABORTED", "NOT_CONNECTED")
    assert error.execution == "UNKNOWN"


async def test_a_refused_call_is_sent_again_and_keeps_its_id(multiplex_hub, client):
    request = ask(client, 1, gibbs_request_id="mine")
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    refused = CallStatus(code=14, message="draining")
    refused.details.add().CopyFrom(reason_of("DRAINING", "NOT_STARTED"))
    stream.send(HubItem(id=call.id, status=refused))
    again = await stream.hear()
    assert again.call.options.request_id == "mine"
    stream.send(response(again, "accepted"))
    assert await within(request) == "accepted"


def reason_of(reason: str, execution: str) -> Any:
    packed = AnyMessage()
    packed.Pack(ErrorInfo(domain="gibbs", reason=reason, metadata={"execution": execution}))
    return packed


async def test_a_server_that_is_not_a_hub(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.silent_stream()
    await within(stream.opened.wait())
    stream.write(http2.settings({}))
    stream.write(
        stream.header_frame(
            {":status": "200", "grpc-status": "12", "grpc-message": "what%3F"},
            http2.END_HEADERS | http2.END_STREAM,
        )
    )
    error = await failure(request)
    assert (error.code, error.reason) == ("UNIMPLEMENTED", "NOT_A_HUB")
    assert "what?" in error.message


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak HTTP/2"),
        (http2.settings({}) + b"\xff\xff\xff" + bytes(6), "a frame has 16777215 bytes"),
        (http2.settings({}) + http2.frame(http2.HEADERS, 4, 1, b"\xff" * 9), "[Hh]eader|integer"),
        (http2.settings({}) + http2.frame(http2.DATA, 8, 1, b"\x09"), "more padding"),
        (http2.settings({}) + http2.frame(http2.DATA, 0, 1, b"\x01\0\0\0\1x"), "compressed"),
        (http2.settings({}) + http2.frame(http2.CONTINUATION, 4, 1), "continues nothing"),
        (http2.settings({}) + http2.frame(http2.PUSH_PROMISE, 4, 1), "it pushes"),
        (http2.settings({}) + http2.frame(http2.RST_STREAM, 0, 1, b"\0"), "too short"),
        (http2.settings({}) + http2.frame(http2.SETTINGS, 0, 0, b"12345"), "wrong size"),
        (http2.window_update(0, 1), "it does not speak HTTP/2"),
        (http2.settings({}) + http2.window_update(0, 2**31 - 1) * 2, "window is too large"),
    ],
)
async def test_what_breaks_the_protocol(multiplex_hub, clock, frames, why):
    async with Client(multiplex_hub.address, connect_timeout=10) as client:
        request = ask(client, 1)
        stream = await multiplex_hub.silent_stream()
        await within(stream.opened.wait())
        stream.write(frames)
        await within(stream.closed.wait())
        clock.move(10)
        error = await failure(request)
    assert (error.reason, error.execution) == ("NOT_CONNECTED", "NOT_STARTED")
    assert re.search(why, error.message), error.message


async def test_a_message_that_does_not_decode_ends_the_stream(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    await stream.hear()
    stream.write(http2.data_frame(b"\xff\xff"))
    error = await failure(request)
    assert (error.code, error.reason, error.execution) == ("INTERNAL", "TRANSPORT", "UNKNOWN")
    await within(stream.closed.wait())


async def test_the_hub_resets_slow_readers(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    await stream.hear()
    stream.write(http2.rst_stream(1, http2.ENHANCE_YOUR_CALM))
    error = await failure(request)
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "SLOW_READER")


async def test_the_hub_resets_slow_readers_of_unary_calls(multiplex_hub):
    async with Client(multiplex_hub.address, transport="unary") as client:
        request = ask(client, b"")
        stream = await multiplex_hub.silent_stream()
        stream.write(http2.settings({}))
        await within(stream.opened.wait())
        stream.write(http2.rst_stream(1, http2.ENHANCE_YOUR_CALM))
        error = await failure(request)
        assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "SLOW_READER")


async def test_an_input_larger_than_the_hub_takes(multiplex_hub, client):
    request = ask(client, bytes(1_000_001))
    await multiplex_hub.stream()
    error = await failure(request)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE")
    assert error.execution == "NOT_STARTED"


@pytest.mark.parametrize("option", ["gibbs_method", "gibbs_request_id"])
async def test_text_that_cannot_be_encoded_fails_its_call_alone(multiplex_hub, client, option):
    other = ask(client, 1)
    with pytest.raises(ValueError, match=f"{option} has a lone surrogate"):
        await client.request(2, **{option: "caf\udce9"})
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    stream.send(response(call, "one"))
    assert await other == "one"


async def test_answers_too_large_or_malformed_fail_their_call_alone(multiplex_hub):
    async with Client(multiplex_hub.address, max_payload_bytes=1000) as client:
        large, broken, fine = (ask(client, x) for x in range(3))
        stream = await multiplex_hub.stream()
        calls = [await stream.hear() for _ in range(3)]
        malformed = HubItem(id=calls[1].id)
        malformed.response.payload = b"\xff"
        stream.send(response(calls[0], bytes(1001)), malformed, response(calls[2], "fine"))
        error = await failure(large)
        assert (error.reason, error.execution) == ("MESSAGE_TOO_LARGE", "FINISHED")
        error = await failure(broken)
        assert (error.reason, error.execution) == ("RESULT_MALFORMED", "FINISHED")
        assert await fine == "fine"


async def test_an_idle_stream_is_closed(multiplex_hub, client, clock):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    clock.move(60)
    await old_is_left(stream)
    assert not stream.half_closed.is_set()  # It waits for an answer.
    stream.send(response(call, 1))
    assert await request == 1
    clock.move(5)
    await old_is_left(stream)
    clock.move(5)
    await within(stream.half_closed.wait())
    stream.end()
    await within(stream.closed.wait())
    # The next request makes a new one.
    later = ask(client, 2)
    new = await multiplex_hub.stream()
    new.send(response(await new.hear(), 2))
    assert await later == 2


async def test_a_hub_that_does_not_end_a_closed_stream(multiplex_hub, client, clock):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    stream.send(response(await stream.hear(), 1), DRAIN)
    assert await request == 1
    await within(stream.half_closed.wait())
    clock.move(5)
    await within(stream.closed.wait())


async def test_a_peer_that_answers_no_ping_is_gone(multiplex_hub, client, clock):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    await stream.hear()
    clock.move(30)
    await old_is_left(stream)
    clock.move(30)
    await stream.hear_frame(http2.PING)
    clock.move(20)
    error = await failure(request)
    assert (error.reason, error.execution) == ("CONNECTION_LOST", "UNKNOWN")
    assert "did not answer a ping" in error.message


async def test_a_hub_that_does_not_answer_in_time(multiplex_hub, client, clock):
    request = ask(client, 1, gibbs_timeout=3)
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    clock.move(4.1)
    error = await failure(request)
    assert (error.code, error.reason) == ("DEADLINE_EXCEEDED", "NO_ANSWER")
    assert error.execution == "UNKNOWN"
    assert (await stream.hear("cancel")).id == call.id


async def test_deadlines_do_not_depend_on_the_order_of_calls(multiplex_hub, client, clock):
    late, early = ask(client, 1, gibbs_timeout=90), ask(client, 2, gibbs_timeout=3)
    stream = await multiplex_hub.stream()
    calls = [await stream.hear() for _ in range(2)]
    clock.move(4.1)
    assert (await failure(early)).reason == "NO_ANSWER"
    stream.send(response(calls[0], "late"))
    assert await late == "late"


async def test_a_peer_that_says_nothing(multiplex_hub, clock):
    async with Client(multiplex_hub.address, connect_timeout=10) as client:
        request = ask(client, 1)
        await multiplex_hub.silent_stream()
        clock.move(10)
        error = await failure(request)
    assert (error.code, error.reason) == ("UNAVAILABLE", "NOT_CONNECTED")
    assert error.execution == "NOT_STARTED"


async def test_a_hub_that_left_while_the_loop_was_blocked(multiplex_hub, client, clock):
    first = ask(client, 1)
    old = await multiplex_hub.stream()
    old.send(response(await old.hear(), 1))
    assert await first == 1
    # Both happen before the loop looks at its sockets again, after some time.
    clock.move(1)
    old.cut()
    second = ask(client, 2)
    new = await multiplex_hub.stream()
    new.send(response(await new.hear(), 2))
    assert await within(second) == 2


async def test_unknown_items_and_ids_are_ignored(multiplex_hub, client):
    request = ask(client, 1)
    stream = await multiplex_hub.stream()
    call = await stream.hear()
    stream.send(HubItem(), HubItem(id=99, status=CallStatus(code=1)))
    stream.send(HubItem(settings=MultiplexSettings(max_open_calls=0)))
    stream.write(http2.frame(0x42, 0xFF, 1, b"unknown"))
    stream.send(response(call, "fine"), response(call, "twice"))
    assert await within(request) == "fine"


async def test_the_outbox_is_bounded(multiplex_hub, client, monkeypatch):
    monkeypatch.setattr("gibbs_worker.multiplex.MAX_UNSENT_BYTES", 1000)
    first, second, third = (ask(client, bytes(size)) for size in (900, 900, 10))
    error = await failure(second)
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "OUTBOX_FULL")
    stream = await multiplex_hub.stream()
    for request in (first, third):
        stream.send(response(await stream.hear(), "sent"))
        assert await request == "sent"


async def test_a_cancelled_call_leaves_the_outbox(multiplex_hub, client, monkeypatch):
    monkeypatch.setattr("gibbs_worker.multiplex.MAX_UNSENT_BYTES", 1000)
    cancelled = ask(client, bytes(900))
    stream = await multiplex_hub.silent_stream()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    request = ask(client, bytes(900))
    await stream.greet()
    stream.send(response(await stream.hear(), "sent"))
    assert await within(request) == "sent"
