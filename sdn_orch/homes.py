"""Where public addresses live, and whom one must ask for outside: kept up while addresses come and go.

A change of addresses costs what it changes, however many there are; of ranges, switches and cables, a look at
all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.dataplane import addresses
from sdn_orch.intent.gateways import gateway_of, gateways, older_gateway, principal
from sdn_orch.intent.model import Link, Switch
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routed import uplink_of
from sdn_orch.intent.routes import hops_behind
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Difference, Snapshot

#: What else decides where addresses live.
_OTHERS = (PublicRange, PrivateGateway, StaticRoute, Switch, Link)
#: A switch, a VLAN outside, and who is asked for there.
Question = tuple[str, int | None, IPv4Address | IPv6Address]
#: The id of a public address or private gateway, and the version: of 6 that of the router which has it first.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Home:
    """Where an address lives, and as what it is known there."""

    switch_id: str
    address: IPv4Address | IPv6Address
    mac: bytes
    vlan: int | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a router's addresses live, the MAC address that it has there, and the first of them."""

    switch_id: str
    mac: bytes
    first: str


class Homes:
    """See the module. What was `changed` counts from the next `refresh` on."""

    def __init__(self) -> None:
        self.by_key: dict[Key, Home] = {}
        #: Who can ask each question; it is enough if one of them does.
        self.askers: dict[Question, dict[Key, Home]] = {}
        self._questions: dict[Key, tuple[Question, ...]] = {}
        self._places: dict[str, _Place] = {}
        #: What is to be looked at again: all, or these addresses and routers.
        self._all = True
        self._addresses: set[str] = set()
        self._routers: set[str] = set()

    @property
    def is_stale(self) -> bool:
        """Whether there is anything to refresh."""
        return self._all or bool(self._addresses)

    def changed(self, changes: Sequence[Difference]) -> None:
        """Records are not what they were; without any, nobody knows which."""
        self._all |= not changes
        for record in (record for pair in changes for record in pair):
            if isinstance(record, PublicAddress):
                self._addresses.add(record.id)
                if record.router_id is not None:
                    self._routers.add(record.router_id)
            self._all |= isinstance(record, _OTHERS)

    def refresh(self, snapshot: Snapshot) -> list[Key]:
        """Take up what has changed; answers the addresses that have come to where they live now."""
        among = gateways(snapshot)
        before: dict[Key, Home]
        come: list[tuple[Key, Home]] = []
        if self._all:
            before, self.by_key, self.askers, self._questions, self._places = self.by_key, {}, {}, {}, {}
            come += _private(snapshot, among)
            concerned: Iterable[PublicAddress] = snapshot.all(PublicAddress)
        else:
            ids = self._addresses | self._moved(snapshot, among)
            keys = [key for id in ids for key in ((id, 4), (id, 6)) if key in self.by_key]
            before = {key: self._forget(key) for key in keys}
            concerned = [address for id in ids if (address := snapshot.get(PublicAddress, id)) is not None]
        self._all, self._addresses, self._routers = False, set(), set()
        for address in concerned if among else ():
            come += self._homes(snapshot, address, among)
        for key, home in come:
            self._note(key, home, _questions(snapshot, key, home))
        return [key for key, home in come if before.get(key) != home]

    def _moved(self, snapshot: Snapshot, among: tuple[Switch, ...]) -> set[str]:
        """The addresses of the routers whose place is another than before."""
        found: set[str] = set()
        for router in self._routers:
            before = self._places.pop(router, None)
            if self._place(snapshot, router, among) != before:
                found |= {address.id for address in snapshot.where(PublicAddress, "router_id", router)}
        return found

    def _place(self, snapshot: Snapshot, router: str, among: tuple[Switch, ...]) -> _Place | None:
        if router not in self._places:
            gateway, first = gateway_of(snapshot, router, among), principal(snapshot, router)
            if gateway is None or first is None:
                return None
            mac = addresses.public_mac(first.number).to_bytes(6, "big")
            self._places[router] = _Place(gateway.id, mac, first.id)
        return self._places[router]

    def _homes(
        self, snapshot: Snapshot, address: PublicAddress, among: tuple[Switch, ...]
    ) -> Iterator[tuple[Key, Home]]:
        """Where an address lives, and where the IPv6 address does of the router that has it first."""
        router = address.router_id
        place = None if router is None else self._place(snapshot, router, among)
        if router is None or place is None:
            return
        vlan = snapshot.need(PublicRange, address.range_id).vlan
        yield (address.id, 4), Home(place.switch_id, address.address, place.mac, vlan)
        uplink = uplink_of(snapshot, router, 6) if address.id == place.first else None
        if uplink is not None:
            yield (address.id, 6), Home(place.switch_id, uplink.address, place.mac, vlan)

    def _note(self, key: Key, home: Home, questions: tuple[Question, ...]) -> None:
        self.by_key[key] = home
        self._questions[key] = questions
        for question in questions:
            self.askers.setdefault(question, {})[key] = home

    def _forget(self, key: Key) -> Home:
        for question in self._questions.pop(key):
            del self.askers[question][key]
            if not self.askers[question]:
                del self.askers[question]
        return self.by_key.pop(key)


def _private(snapshot: Snapshot, among: tuple[Switch, ...]) -> Iterator[tuple[Key, Home]]:
    """Where private gateways live."""
    for private in snapshot.all(PrivateGateway) if among else ():
        at = gateway_of(snapshot, private.vpc_id, among)
        if at is not None and older_gateway(snapshot, private) is None:
            mac = bytes.fromhex(private.router_mac.replace(":", ""))
            yield (private.id, 4), Home(at.id, private.address, mac, private.vlan)


def _questions(snapshot: Snapshot, key: Key, home: Home) -> tuple[Question, ...]:
    """Whose MAC addresses are needed where somebody lives, who can ask for them."""
    id, version = key
    address = snapshot.get(PublicAddress, id)
    upstream: Iterable[IPv4Address | IPv6Address | None]
    if address is None:
        upstream = hops_behind(snapshot, snapshot.need(PrivateGateway, id))
    else:
        known = snapshot.need(PublicRange, address.range_id)
        upstream = (known.gateway if version == 4 else known.gateway6,)
    return tuple((home.switch_id, home.vlan, each) for each in upstream if each is not None)
