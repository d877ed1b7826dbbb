"""The addresses at which a hub may answer, and which of them to try next."""

from __future__ import annotations

import ipaddress
import math
import random
import socket
from collections.abc import Collection, Sequence
from typing import Any, Callable, Union

from .backoff import Backoff
from .errors import GibbsError
from .options import (
    DIAL,
    LOOKUP_INTERVAL,
    LOOKUP_PATIENCE,
    LOOKUP_TIMEOUT,
    MAX_ADDRESSES,
    split_addresses,
)
from .proxy import Proxy, find_proxy, host_of

SocketAddress = tuple[int, Any]
"""A family and what `connect` of that family takes."""

Failure = Union[GibbsError, OSError]

TRANSIENT = ("CONNECTION_LOST", "DRAINING", "TRANSPORT", "NOT_CONNECTED")
"""The reasons of failures for which a client tries on, as they may pass by themselves."""


class Endpoint:
    """One address, and when to try it. Created and changed by `Hubs` only."""

    def __init__(
        self, name: str, where: SocketAddress | None, proxy: Proxy | None, backoff: Backoff
    ) -> None:
        #: The address as it was given: the name of a host may have several endpoints.
        self.name = name
        #: What is dialled; None if the proxy is, and resolves the name.
        self.where = where
        self.proxy = proxy
        self.backoff = backoff
        #: The latest failure there since a hub was found anywhere.
        self.failure: Failure | None = None
        #: Not to be tried before this time.
        self.retry_at = -math.inf

    @property
    def authority(self) -> str:
        """The `:authority` of requests."""
        return "localhost" if self.name.startswith("unix:") else self.name


class Place:
    """One of the addresses that were given, with its endpoints."""

    def __init__(self, name: str, new_backoff: Callable[[], Backoff]) -> None:
        self.name = name
        self._new_backoff = new_backoff
        self.endpoints: list[Endpoint] = []
        #: Whether a lookup has to resolve the host, and what is known of the latest one.
        self.is_name = False
        self.asked_at = -math.inf
        self.is_asking = False
        self.failure: OSError | None = None
        self.host, self.port = "", 0
        if name.startswith("unix:"):
            self.update([(socket.AF_UNIX, name[len("unix:") :])])
            return
        self.host, self.port = host_of(name), int(name.rpartition(":")[2])
        proxy = find_proxy(self.host)
        if proxy is not None:
            self.endpoints = [Endpoint(name, None, proxy, new_backoff())]
            return
        try:
            ip = ipaddress.ip_address(self.host)
        except ValueError:
            self.is_name = True
            return
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        self.update([(family, (self.host, self.port))])

    def update(self, found: Sequence[SocketAddress]) -> None:
        """Sets the endpoints. Those that stay keep their backoff."""
        known = {endpoint.where: endpoint for endpoint in self.endpoints}
        self.endpoints = [
            known.get(where) or Endpoint(self.name, where, None, self._new_backoff())
            for where in dict.fromkeys(found[:MAX_ADDRESSES])
        ]


class Hubs:
    """Where a hub may answer. Each endpoint has a backoff of its own, and the choice among those
    that are due is random. Knows no sockets: its owner looks names up, and dials."""

    def __init__(
        self,
        addresses: str,
        now: Callable[[], float],
        choose: Callable[[Sequence[Endpoint]], Endpoint] = random.choice,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`addresses` is as `options.hub_address` returns it. `choose` and `uniform` are the chance
        by which an endpoint and a pause are drawn."""
        self._addresses = addresses
        self._now = now
        self._choose = choose
        self.places = [
            Place(address, lambda: Backoff(DIAL, uniform)) for address in split_addresses(addresses)
        ]

    def __str__(self) -> str:
        return self._addresses

    @property
    def size(self) -> int:
        """The number of known endpoints."""
        return sum(len(place.endpoints) for place in self.places)

    def explain(self, endpoint: Endpoint, text: str) -> str:
        """Returns what failed at an endpoint, naming it where that is not obvious."""
        return text if len(self.places) == 1 else f"{endpoint.name}: {text}"

    # The choice.

    def pick(self, busy: Collection[Endpoint]) -> tuple[Endpoint | None, float]:
        """Returns an endpoint to try, of those that are due and not busy. If there is none: None,
        and how many seconds to wait until there may be one."""
        now = self._now()
        wait = LOOKUP_INTERVAL
        due: list[Endpoint] = []
        for place in self.places:
            # Addresses that a name had before may be outdated: gives its lookup a moment.
            if place.is_asking and now < place.asked_at + LOOKUP_PATIENCE:
                wait = min(wait, place.asked_at + LOOKUP_PATIENCE - now)
                continue
            for endpoint in place.endpoints:
                if endpoint in busy:
                    continue
                if endpoint.retry_at <= now:
                    due.append(endpoint)
                else:
                    wait = min(wait, endpoint.retry_at - now)
        return (self._choose(due), 0.0) if due else (None, wait)

    def failed(self, endpoint: Endpoint, least: float = 0.0, most: float = DIAL[1]) -> None:
        """No hub talks there: not to be tried again for a random, growing pause of at most `most`
        seconds, but no less than `least`."""
        pause = max(endpoint.backoff.next(most), least)
        endpoint.retry_at = max(endpoint.retry_at, self._now() + pause)

    def worked(self, endpoint: Endpoint) -> None:
        """A connection there has proved to last: the next pause is short."""
        endpoint.backoff.reset()

    def left(self, endpoint: Endpoint, since: float) -> bool:
        """A connection there, made at `since`, has ended or takes no more calls. The other
        endpoints have their turn; and one that ends every connection at once must not keep this
        process busy. Returns whether the connection had lasted for a while."""
        has_lasted = self._now() - since >= DIAL[1]
        if has_lasted:
            self.worked(endpoint)
        if not has_lasted or self.size > 1:
            self.failed(endpoint)
        return has_lasted

    def forgive(self) -> None:
        """Forgets all failures: a hub was found, or they have been reported."""
        for place in self.places:
            for endpoint in place.endpoints:
                endpoint.failure = None

    def refusal(self, is_final: Callable[[GibbsError], bool]) -> GibbsError | None:
        """Returns why trying on is pointless: at each address a server answers whose refusal is
        final. None otherwise."""
        found: GibbsError | None = None
        for place in self.places:
            heard = [endpoint.failure for endpoint in place.endpoints]
            refused = [one for one in heard if isinstance(one, GibbsError) and is_final(one)]
            if not refused or None in heard:
                return None
            found = refused[-1]
        return found

    # Lookups.

    def to_look_up(self) -> list[Place]:
        """Returns the names whose latest lookup is not recent. Each is now being looked up."""
        now = self._now()
        due = [
            place
            for place in self.places
            if place.is_name and not place.is_asking and now >= place.asked_at + LOOKUP_INTERVAL
        ]
        for place in due:
            place.is_asking, place.asked_at = True, now
        return due

    def looked_up(self, place: Place, outcome: Sequence[SocketAddress] | OSError) -> None:
        """A lookup has ended. After one that failed the addresses of the last one remain."""
        place.is_asking = False
        place.failure = None
        if isinstance(outcome, OSError):
            place.failure = outcome
        else:
            place.update(outcome)

    def lookup_failure(self) -> OSError | None:
        """Returns why a name has no address; None if each has one, or may have one soon."""
        for place in self.places:
            if place.endpoints or not place.is_name:
                continue
            is_slow = place.is_asking and self._now() >= place.asked_at + LOOKUP_TIMEOUT
            if is_slow and place.failure is None:
                why = f"no answer within {LOOKUP_TIMEOUT:g} s"
                place.failure = OSError(f"{place.host} cannot be looked up: {why}")
            if place.failure is not None:
                return place.failure
        return None
