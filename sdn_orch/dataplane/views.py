"""What the stages look at: switches, networks and NICs with everything about them as numbers.

`Dialect` is all that a rule may depend on which is the same on every switch of its kind; a stage that takes
a dialect and no `Site` makes rules that are compiled once for all these switches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import JUDGED, NETWORK, ROUTER, STATIC, public_network
from sdn_orch.dataplane.places import Place
from sdn_orch.dataplane.stages.protocols import TAGGED
from sdn_orch.dataplane.world import World
from sdn_orch.intent.gateways import cutting, judges_all, next_hop, router_id, router_number
from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.model import Network, NetworkKind, Nic, Switch, SwitchRole, Transport
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.rates import limit_of
from sdn_orch.intent.routed import uplink_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import Action, PushVlan, SetField

#: Fields of a match that several flows share.
Fields = dict[str, int | tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How rules are said on a switch. There is one object for each way, so that it hashes by identity."""

    version: int
    open_vswitch: bool
    meters: bool
    transport: Transport


_dialect = cache(Dialect)


@dataclass(frozen=True, slots=True)
class Site:
    """A switch, and the world around it."""

    world: World
    switch: Switch
    dialect: Dialect

    @classmethod
    def of(cls, world: World, switch: Switch) -> Site:
        """The site of a switch."""
        can = switch.capabilities
        return cls(world, switch, _dialect(can.version, can.open_vswitch, can.meters, switch.transport))

    @property
    def is_edge(self) -> bool:
        """Whether the switch holds tenant logic."""
        return self.switch.role is SwitchRole.EDGE


@dataclass(frozen=True, slots=True)
class NetworkView:
    """A network; `local` matches its packets, `routed` those of its router.

    `entry` is what a packet that comes into it has as metadata.
    """

    record: Network
    number: int
    router: int
    gateway_mac: int
    local: tuple[int, int]
    routed: tuple[int, int]
    entry: tuple[int, int]

    @classmethod
    def of(cls, world: World, record: Network) -> NetworkView:
        """The view of a record; there is one in each world."""
        key = (cls, record.id)
        return world.recall(key, cls) or world.remember(key, cls._of(world, record))

    @classmethod
    def _of(cls, world: World, record: Network) -> NetworkView:
        # A network without a gateway has no router.
        router = 0 if record.kind is NetworkKind.L2 else router_number(world.snapshot, router_id(record))
        network, of_router = NETWORK.of(record.number), ROUTER.of(router)
        return cls(
            record,
            record.number,
            router,
            addresses.gateway_mac(record.number),
            network,
            of_router,
            (network[0] | of_router[0], network[1] | of_router[1]),
        )

    @property
    def judged(self) -> bool:
        """Whether each packet is judged that its firewall lets pass; a tier has none."""
        return self.record.cuts_connections and self.record.vpc_id is None

    @property
    def judging(self) -> tuple[Action, ...]:
        """What marks its packets on their way out, if each of them is judged."""
        return (SetField("metadata", *JUDGED.of(1)),) if self.judged else ()

    @property
    def is_l2(self) -> bool:
        """Whether the network has no addresses and no gateway."""
        return self.record.kind is NetworkKind.L2

    @property
    def gateways6(self) -> tuple[int, ...]:
        """The gateway's IPv6 addresses, the link-local one first."""
        given = self.record.gateway6
        own = link_local(self.gateway_mac)
        return (own,) if given is None else (own, int(given))


@dataclass(frozen=True, slots=True)
class NicView:
    """A NIC, its place and its switch; IPv6 addresses have the link-local one first.

    `limit` is how many megabits per second it may send, and receive.
    """

    record: Nic
    network: NetworkView
    switch: Switch
    place: Place
    mac: int
    ipv4: tuple[int, ...]
    ipv6: tuple[int, ...]
    limit: int | None

    @classmethod
    def of(cls, world: World, record: Nic, place: Place) -> NicView:
        """The view of a record that has a place."""
        network = NetworkView.of(world, world.snapshot.need(Network, record.network_id))
        mac = mac_number(record.mac)
        ipv4: list[int] = []
        ipv6 = [link_local(mac)]
        for address in record.addresses:
            (ipv4 if isinstance(address, IPv4Address) else ipv6).append(int(address))
        return cls(
            record,
            network,
            world.snapshot.need(Switch, place.switch_id),
            place,
            mac,
            tuple(ipv4),
            tuple(ipv6),
            limit_of(world.snapshot, record),
        )


@dataclass(frozen=True, slots=True)
class AddressView:
    """A public address at its gateway; `router` and `public` match packets of its router and public network.

    `entry` is what a packet that comes in for it has as metadata, `judged` whether each of them is judged;
    `cuts`: who is in these prefixes loses what was forwarded to him when the forwarded port goes.
    `tag` puts a packet into the public network, `mac` is its router's there, `upstream` the gateway of its
    range, `next_hop` the MAC address of that if it is known, `guest` whom static NAT maps it to.
    """

    record: PublicAddress
    address: int
    router: tuple[int, int]
    entry: tuple[int, int]
    judged: bool
    cuts: tuple[IPv4Network, ...]
    public: tuple[int, int]
    zone: int
    mac: int
    port: int
    tag: tuple[Action, ...]
    upstream: IPv4Address
    next_hop: int | None
    guest: int | None

    @classmethod
    def of(cls, snapshot: Snapshot, record: PublicAddress, router: str, zone: int, port: int) -> AddressView:
        """The view of a record that has this router, whose zone it is, at a gateway's public port."""
        home = snapshot.need(PublicRange, record.range_id)
        hop = next_hop(snapshot, home.id, 4)
        judged = judges_all(snapshot, router)
        of_router = ROUTER.of(router_number(snapshot, router))
        return cls(
            record,
            int(record.address),
            of_router,
            _entry(of_router, judged, is_static=record.guest is not None),
            judged,
            tuple(each.ipv4 for each in cutting(snapshot, router) if each.ipv4 is not None),
            NETWORK.of(public_network(home.vlan)),
            zone,
            addresses.public_mac(zone),
            port,
            tagging(home.vlan),
            home.gateway,
            None if hop is None else mac_number(hop.mac),
            None if record.guest is None else int(record.guest),
        )

    @property
    def known_as(self) -> int:
        """The destination of what comes in for it when its connection is looked up."""
        return self.address if self.guest is None else self.guest


@dataclass(frozen=True, slots=True)
class UplinkView:
    """How what a router routes goes outside, at its gateway; `address` is the router's own there.

    The other fields are those of an `AddressView`.
    """

    address: int
    router: tuple[int, int]
    entry: tuple[int, int]
    public: tuple[int, int]
    zone: int
    mac: int
    port: int
    tag: tuple[Action, ...]
    upstream: IPv4Address | IPv6Address
    next_hop: int | None

    @classmethod
    def of(cls, snapshot: Snapshot, router: str, version: int, port: int) -> UplinkView | None:
        """The view of a router at a gateway's public port; None if that version of IP is not routed there."""
        uplink = uplink_of(snapshot, router, version)
        if uplink is None:
            return None
        home = uplink.range
        hop = next_hop(snapshot, home.id, version)
        of_router = ROUTER.of(router_number(snapshot, router))
        return cls(
            int(uplink.address),
            of_router,
            _entry(of_router, judges_all(snapshot, router)),
            NETWORK.of(public_network(home.vlan)),
            uplink.first.number,
            addresses.public_mac(uplink.first.number),
            port,
            tagging(home.vlan),
            uplink.upstream,
            None if hop is None else mac_number(hop.mac),
        )


def _entry(router: tuple[int, int], judged: bool, *, is_static: bool = False) -> tuple[int, int]:
    """The metadata of what comes in for a router: whether all of it is judged, and its address is static."""
    said = [router, JUDGED.of(judged), *([STATIC.of(1)] if is_static else [])]
    return sum(value for value, _ in said), sum(mask for _, mask in said)


def tagging(vlan: int | None) -> tuple[Action, ...]:
    """What puts a packet into the public network with a VLAN, or without one."""
    return () if vlan is None else (PushVlan(), SetField("vlan_vid", TAGGED | vlan))
