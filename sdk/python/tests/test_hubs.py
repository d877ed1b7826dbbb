"""Which address is tried next, in virtual time."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from gibbs_worker import GibbsError
from gibbs_worker.hubs import Endpoint, Hubs
from gibbs_worker.options import DIAL, LOOKUP_INTERVAL, LOOKUP_PATIENCE, LOOKUP_TIMEOUT


class World:
    """Hubs whose clock and chance the test moves: pauses are the longest that may be drawn."""

    def __init__(self, addresses: str) -> None:
        self.time = 100.0
        self.offered: list[str] = []
        self.hubs = Hubs(addresses, lambda: self.time, self._choose, lambda _, most: most)

    def _choose(self, due: Any) -> Endpoint:
        self.offered = [endpoint.name for endpoint in due]
        return due[0]

    def pick(self, *busy: Endpoint) -> Endpoint:
        endpoint, wait = self.hubs.pick(busy)
        assert endpoint is not None
        assert wait == 0
        return endpoint

    def wait(self, *busy: Endpoint) -> float:
        endpoint, wait = self.hubs.pick(busy)
        assert endpoint is None
        return wait

    def look_up(self, *addresses: str) -> None:
        (place,) = self.hubs.to_look_up()
        self.hubs.looked_up(place, [(socket.AF_INET, (one, place.port)) for one in addresses])


def test_the_choice_is_among_those_that_are_due_and_not_busy():
    world = World("10.0.0.1:1,[::1]:2,unix:/x")
    first = world.pick()
    assert world.offered == ["10.0.0.1:1", "[::1]:2", "unix:/x"]
    assert first.where == (socket.AF_INET, ("10.0.0.1", 1))
    second = world.pick(first)
    assert second.where == (socket.AF_INET6, ("::1", 2))
    world.hubs.failed(second)
    assert world.pick(first).where == (socket.AF_UNIX, "/x")
    assert world.offered == ["unix:/x"]
    assert world.pick(first).authority == "localhost"


def test_each_address_has_pauses_of_its_own_that_grow():
    world = World("10.0.0.1:1,10.0.0.2:1")
    one, other = (place.endpoints[0] for place in world.hubs.places)
    for pause in (0.3, 0.9, 1.0, 1.0):
        world.hubs.failed(one)
        assert world.wait(other) == pytest.approx(pause)
        world.time += pause
    world.hubs.failed(other)
    assert world.wait(one) == pytest.approx(0.3)
    # A hint of the hub, a longer limit, and a success.
    world.hubs.failed(other, least=7.0)
    assert world.wait(one) == 1.0
    world.time += 6.9
    assert world.wait(one) == pytest.approx(0.1)
    world.hubs.worked(one)
    for pause in (0.3, 0.9, 2.7, 5.0):
        world.hubs.failed(one, most=5.0)
        assert one.retry_at - world.time == pytest.approx(pause)
        world.time += pause


@pytest.mark.parametrize("addresses", ["10.0.0.1:1", "10.0.0.1:1,10.0.0.2:1"])
def test_a_connection_that_ends_early_or_leaves_others_is_followed_by_a_pause(addresses):
    world = World(addresses)
    endpoint = world.pick()
    for pause in (0.3, 0.9):
        assert not world.hubs.left(endpoint, world.time - 0.5)
        assert endpoint.retry_at - world.time == pytest.approx(pause)
        world.time += pause
    assert world.hubs.left(endpoint, world.time - DIAL[1])
    is_alone = world.hubs.size == 1
    assert (endpoint.retry_at <= world.time) is is_alone
    if not is_alone:
        assert world.pick().name == "10.0.0.2:1"
        assert world.offered == ["10.0.0.2:1"]


def test_a_name_is_looked_up_again_and_its_addresses_keep_their_pauses():
    world = World("hub.test:1")
    assert world.wait() == LOOKUP_INTERVAL
    world.look_up("10.0.0.1", "10.0.0.2", "10.0.0.1")
    assert world.hubs.size == 2
    world.hubs.failed(world.pick())
    # Not at once again, and old addresses wait for it a moment.
    assert world.hubs.to_look_up() == []
    world.time += LOOKUP_INTERVAL
    (place,) = world.hubs.to_look_up()
    assert world.wait() == LOOKUP_PATIENCE
    world.time += LOOKUP_PATIENCE
    known = world.pick()
    world.hubs.failed(known, least=60.0)
    world.hubs.looked_up(place, [known.where, (socket.AF_INET, ("10.0.0.3", 1))])
    assert world.pick().where == (socket.AF_INET, ("10.0.0.3", 1))
    assert world.pick().authority == "hub.test:1"
    # A lookup that fails leaves everything as it was.
    world.time += LOOKUP_INTERVAL
    (place,) = world.hubs.to_look_up()
    world.hubs.looked_up(place, OSError("no DNS"))
    assert world.hubs.size == 2
    assert world.hubs.lookup_failure() is None


def test_why_a_name_has_no_address():
    world = World("hub.test:1,10.0.0.1:1")
    assert world.hubs.lookup_failure() is None
    (place,) = world.hubs.to_look_up()
    world.time += LOOKUP_TIMEOUT
    assert "no answer within 5 s" in str(world.hubs.lookup_failure())
    # As long as it runs there is no other.
    assert world.hubs.to_look_up() == []
    world.hubs.looked_up(place, OSError("no DNS"))
    assert str(world.hubs.lookup_failure()) == "no DNS"


def test_a_refusal_is_final_when_every_address_has_one():
    world = World("hub.test:1,10.0.0.9:1")
    refused, lost = GibbsError("UNIMPLEMENTED", "no"), OSError("lost")
    alone = world.hubs.places[1].endpoints[0]

    def refusal(failures: dict[Endpoint, Any]) -> GibbsError | None:
        world.hubs.forgive()
        for endpoint, failure in failures.items():
            endpoint.failure = failure
        return world.hubs.refusal(lambda it: it.code == "UNIMPLEMENTED")

    assert refusal({alone: refused}) is None
    world.look_up("10.0.0.1", "10.0.0.2")
    one, other = world.hubs.places[0].endpoints
    assert refusal({alone: refused, one: refused}) is None
    assert refusal({alone: refused, one: lost, other: lost}) is None
    # One server answers to that name.
    assert refusal({alone: refused, one: refused, other: lost}) is refused
    assert refusal({alone: lost, one: refused, other: refused}) is None


def test_a_proxy_resolves_names_itself(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    world = World("hub.test:1,127.0.0.1:2")
    assert world.hubs.to_look_up() == []
    through, direct = (place.endpoints[0] for place in world.hubs.places)
    assert through.where is None
    assert through.proxy is not None
    assert direct.proxy is None
