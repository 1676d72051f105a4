"""A dozen worlds, each small enough to read what is made of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Affinity, Algorithm, Balancer, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import (
    Arrival,
    Link,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    SwitchRole,
    Transport,
)
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.routing import PrivateGateway, PrivateHop, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.traffic import Direction, Verdict
from sdn_orch.openflow.values import OPENFLOW_13
from tests.unit.dataplane.worlds import (
    OPEN_VSWITCH,
    PLAIN,
    attach,
    l2_network,
    leaf_spine,
    network,
    nic,
    own_address,
    public_range,
    tenant,
    vpc,
)


def edges(count: int, transport: Transport = Transport.LABEL) -> list[Record]:
    """Edges `edge1`…; with labels in a line by ports 101 and 102, else with the underlay at port 100."""
    label = transport is Transport.LABEL
    switches: list[Record] = [
        Switch(
            id=f"edge{i}",
            dpid=i,
            name=f"edge{i}",
            transport=transport,
            underlay=None if label else 100,
            tunnel_address=IPv4Address(f"192.0.2.{i}") if transport is Transport.VXLAN else None,
            capabilities=OPEN_VSWITCH,
        )
        for i in range(1, count + 1)
    ]
    links = [
        Link(
            id=f"edge{i}-edge{i + 1}",
            a_switch_id=f"edge{i}",
            a_port=102,
            b_switch_id=f"edge{i + 1}",
            b_port=101,
        )
        for i in range(1, count)
    ]
    return [*switches, *links] if label else switches


def only4(home: Network) -> Network:
    """The network without IPv6."""
    return replace(home, ipv6=None, gateway6=None)


def only6(home: Network) -> Network:
    """The network without IPv4."""
    return replace(home, ipv4=None, gateway4=None)


def pair(home: Network, *places: tuple[str, int] | tuple[str, int, int]) -> list[Record]:
    """One NIC of a network at each place, with the hosts 10, 11…"""
    records: list[Record] = [home]
    for host, place in enumerate(places, 10):
        member = nic(home, host)
        records += [member, attach(member.id, *place)]
    return records


_WEB = replace(only4(network("web", 1, vpc_id="shop")), answers_names=True)
_DB = only4(network("db", 2, vpc_id="shop", mtu=1400))

_BLUE, _DUAL = only4(network("blue")), network("blue")
_CUT = replace(_BLUE, cuts_connections=True)
#: Less fits into it than public networks carry.
_NARROW = replace(_DUAL, mtu=1400)


def outside(gateway: str, home: Network) -> list[Record]:
    """A gateway with the public network 203.0.113.0/24 at port 9; addresses for a network there.

    One is for its source NAT, with two forwarded ports and a balancer, one is its first NIC's alone.
    """
    first = nic(home, 10)
    source, own = (
        PublicAddress(
            id=name,
            range_id="range",
            account_id="tenant",
            address=IPv4Address(address),
            network_id=home.id,
            is_source_nat=name == "source",
            nic_id=first.id if name == "own" else None,
            guest=first.ipv4 if name == "own" else None,
        )
        for name, address in (("source", "203.0.113.10"), ("own", "203.0.113.11"))
    )
    web: dict[str, Any] = {"address_id": source.id, "protocol": 6}
    return [
        public_range(IPv4Network("203.0.113.0/24"), vlan=7),
        NextHop(id="hop", range_id="range", mac="52:54:00:00:00:01"),
        source,
        own,
        Forward(
            id="web",
            nic_id=first.id,
            guest=IPv4Address("10.1.0.10"),
            public=(80, 80),
            private=(8080, 8080),
            **web,
        ),
        Balancer(
            id="pool",
            account_id="tenant",
            network_id=home.id,
            address_id=source.id,
            name="pool",
            protocol=17,
            ports=(53, 53),
            guest_ports=(5353, 5353),
        ),
        Member(id="member", balancer_id="pool", nic_id=first.id),
        FirewallRule(id="open", ports=(80, 81), sources=(IPv4Network("198.51.100.0/24"),), **web),
        EgressRule(id="out", network_id=home.id, protocol=17, ports=(53, 53)),
    ]


def _listed() -> list[Record]:
    """Names for a few, nothing for one of them, a range of ports for many, and all out."""
    few = tuple(IPv4Network(f"198.51.100.{host}/32") for host in (4, 8, 16))
    item: dict[str, Any] = {"list_id": "list", "direction": Direction.INGRESS, "verdict": Verdict.ALLOW}
    out = {**item, "direction": Direction.EGRESS}
    return [
        AclList(id="list", name="list", vpc_id="shop"),
        AclItem(id="not", position=1, sources=few[:1], **{**item, "verdict": Verdict.DENY}),
        AclItem(id="names", position=2, protocol=17, ports=(53, 53), sources=few, **item),
        AclItem(id="range", position=3, protocol=6, ports=(79, 90), sources=few, **item),
        AclItem(id="all", position=4, **out),
    ]


def _mirrored() -> list[Record]:
    """A list that lets TCP pass between the tier and two prefixes, and one that lets the web in alone."""
    two = (IPv4Network("10.2.0.0/16"), IPv4Network("198.51.100.0/24"))
    item: dict[str, Any] = {"list_id": "mirrored", "protocol": 6}
    into: dict[str, Any] = {"direction": Direction.INGRESS}
    out: dict[str, Any] = {"direction": Direction.EGRESS}
    return [
        AclList(id="mirrored", name="mirrored", vpc_id="shop"),
        AclItem(id="in", position=1, sources=two, **item, **into),
        AclItem(id="out", position=2, destinations=two, **item, **out),
        AclList(id="one way", name="one way", vpc_id="shop"),
        AclItem(id="web", list_id="one way", position=10, protocol=6, ports=(80, 80), **into),
    ]


def _office() -> list[Record]:
    """A private gateway under the list, with source NAT, and a route over it."""
    return [
        PrivateGateway(
            id="office",
            vpc_id="shop",
            address=IPv4Address("198.18.0.7"),
            ipv4=IPv4Network("198.18.0.0/24"),
            gateway=IPv4Address("198.18.0.1"),
            vlan=700,
            source_nat=True,
            acl_id="list",
        ),
        PrivateHop(id="hop", gateway_id="office", address=IPv4Address("198.18.0.1"), mac="52:54:00:00:00:01"),
        StaticRoute(
            id="behind",
            vpc_id="shop",
            prefix=IPv4Network("198.19.0.0/16"),
            next_hop=IPv4Address("198.18.0.1"),
            gateway_id="office",
        ),
    ]


_FROM_EACH_OTHER: dict[str, Any] = {
    "group_id": "group",
    "peer_id": "group",
    "direction": Direction.INGRESS,
}


def outside6(home: Network) -> list[Record]:
    """A public network with IPv6 in VLAN 7, an address for a network, and what passes its IPv6 firewall."""
    public4, public6 = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8:ff::/64")
    return [
        public_range(public4, public6, vlan=7),
        *(
            NextHop(id=f"hop{version}", range_id="range", mac="52:54:00:00:00:01", version=version)
            for version in (4, 6)
        ),
        PublicAddress(
            id="source",
            range_id="range",
            account_id="tenant",
            address=public4[10],
            network_id=home.id,
            is_source_nat=True,
        ),
        RoutedRule(
            id="in",
            network_id=home.id,
            direction=Direction.INGRESS,
            version=6,
            protocol=6,
            ports=(80, 81),
            sources=(IPv6Network("2001:db8:ffff::/48"),),
        ),
        RoutedRule(
            id="out", network_id=home.id, direction=Direction.EGRESS, version=6, protocol=17, ports=(53, 53)
        ),
    ]


def balanced6(home: Network) -> list[Record]:
    """A balancer at an IPv6 address of a network, which remembers its clients, in front of its first NIC."""
    prefix = IPv6Network("2001:db8:ffff::/48")
    balancer = Balancer(
        id="pool",
        account_id="tenant",
        network_id=home.id,
        inner_network_id=home.id,
        inner=None if home.ipv6 is None else home.ipv6[200],
        name="pool",
        protocol=6,
        ports=(80, 80),
        guest_ports=(8080, 8080),
        sources=(prefix,),
    )
    sticky = Stickiness(id="sticky", balancer_id="pool", name="sticky", affinity=Affinity.SOURCE, expire=60)
    return [balancer, Member(id="member", balancer_id="pool", nic_id=nic(home, 10).id), sticky]


def _untracked(tier: Network) -> list[Record]:
    """An address with a balancer by source, by weights of 3:1, and one that takes turns."""
    by_source = Balancer(
        id="by-source",
        account_id="tenant",
        network_id=tier.id,
        address_id="front",
        name="by-source",
        protocol=6,
        ports=(80, 81),
        guest_ports=(8080, 8081),
        algorithm=Algorithm.SOURCE,
        sources=(IPv4Network("198.51.100.0/24"),),
    )
    in_turns = replace(
        by_source,
        id="turns",
        name="turns",
        ports=(443, 443),
        guest_ports=(443, 443),
        algorithm=Algorithm.ROUND_ROBIN,
    )
    return [
        public_range(IPv4Network("203.0.113.0/24"), vlan=7),
        NextHop(id="hop", range_id="range", mac="52:54:00:00:00:01"),
        PublicAddress(
            id="front",
            range_id="range",
            account_id="tenant",
            address=IPv4Address("203.0.113.10"),
            vpc_id="shop",
            network_id=tier.id,
        ),
        by_source,
        in_turns,
        *(
            Member(
                id=f"member{seat}",
                balancer_id="by-source",
                nic_id=nic(tier, 10 + seat).id,
                weight=3 - 2 * seat,
                seat=seat,
            )
            for seat in (0, 1)
        ),
    ]


def sctp_pool(home: Network) -> list[Record]:
    """A balancer of SCTP at a public address of its own, in front of a network's first NIC."""
    address = PublicAddress(
        id="signals",
        range_id="range",
        account_id="tenant",
        address=IPv4Address("203.0.113.12"),
        network_id=home.id,
    )
    balancer = Balancer(
        id="signalling",
        account_id="tenant",
        network_id=home.id,
        address_id=address.id,
        name="signalling",
        protocol=132,
        ports=(2904, 2906),
        guest_ports=(2904, 2906),
    )
    return [address, balancer, Member(id="signaller", balancer_id="signalling", nic_id=nic(home, 10).id)]


def direct_pools(home: Network, *at: int) -> list[Record]:
    """Balancers with direct return, at a public address and inside, in front of a network's NICs."""
    public = Balancer(
        id="pages",
        account_id="tenant",
        network_id=home.id,
        address_id="source",
        name="pages",
        protocol=6,
        ports=(8080, 8081),
        guest_ports=(8080, 8081),
        direct_return=True,
    )
    inner = replace(public, id="names", name="names", address_id=None, protocol=17)
    inner = replace(inner, inner_network_id=home.id, inner=IPv4Address("10.1.0.200"))
    return [
        public,
        inner,
        FirewallRule(id="open pages", address_id="source", protocol=6, ports=public.ports),
        *(
            Member(id=f"{pool.id}{host}", balancer_id=pool.id, nic_id=nic(home, host).id, seat=seat)
            for pool in (public, inner)
            for seat, host in enumerate(at)
        ),
    ]


WORLDS: dict[str, list[Record]] = {
    "one-network-on-one-switch": [
        *edges(1),
        *pair(only4(network("blue")), ("edge1", 1), ("edge1", 2)),
    ],
    "same-addresses-twice": [
        *edges(1),
        *pair(only4(network("blue")), ("edge1", 1), ("edge1", 2)),
        *pair(only4(network("red")), ("edge1", 3), ("edge1", 4)),
    ],
    "labels": [*edges(2), *pair(only4(network("blue")), ("edge1", 1), ("edge2", 1))],
    "rate-limit": [
        *edges(1),
        *pair(replace(only4(network("blue")), rate=10), ("edge1", 1), ("edge1", 5, 10)),
    ],
    "arrival": [
        *edges(3),
        *pair(replace(only4(network("blue")), rate=10), ("edge1", 1), ("edge2", 1)),
        Arrival(id="arrival", nic_id=nic(_BLUE, 10).id, switch_id="edge3", port=7),
    ],
    "vxlan": [*edges(2, Transport.VXLAN), *pair(only4(network("blue")), ("edge1", 1), ("edge2", 1))],
    "vlan": [
        *edges(2, Transport.VLAN),
        *pair(replace(only4(network("blue")), vlan=7), ("edge1", 1), ("edge2", 1)),
    ],
    "vpc-of-two-tiers": [*edges(2), vpc("shop"), *pair(_WEB, ("edge1", 1)), *pair(_DB, ("edge2", 1))],
    "list-of-rules": [
        *edges(1),
        vpc("shop"),
        *_listed(),
        *pair(replace(_WEB, acl_id="list"), ("edge1", 1)),
    ],
    "list-of-rules-cuts": [
        *edges(1),
        vpc("shop"),
        *_listed(),
        *pair(replace(_WEB, acl_id="list", cuts_connections=True), ("edge1", 1)),
    ],
    "security-group": [
        *edges(1),
        SecurityGroup(id="group", account_id="tenant", name="group"),
        SecurityRule(id="echo", protocol=1, icmp_type=8, **_FROM_EACH_OTHER),
        SecurityRule(id="range", protocol=6, ports=(80, 87), **_FROM_EACH_OTHER),
        SecurityRule(id="names", protocol=17, ports=(53, 53), **_FROM_EACH_OTHER),
        SecurityRule(id="all", group_id="group", direction=Direction.EGRESS),
        *(
            replace(record, group_ids=("group",)) if isinstance(record, Nic) else record
            for record in pair(network("blue"), ("edge1", 1), ("edge1", 2), ("edge1", 3))
        ),
    ],
    "static-route": [
        *edges(2),
        vpc("shop"),
        *pair(_WEB, ("edge1", 1)),
        *pair(_DB, ("edge2", 1)),
        StaticRoute(
            id="lab",
            vpc_id="shop",
            prefix=IPv4Network("172.16.0.0/16"),
            next_hop=IPv4Address("10.2.0.10"),
            network_id="db",
        ),
    ],
    "private-gateway": [*edges(1), vpc("shop"), *_listed(), *pair(_WEB, ("edge1", 1)), *_office()],
    "private-gateway-cuts": [
        *edges(1),
        vpc("shop"),
        *_listed(),
        *pair(replace(_WEB, cuts_connections=True), ("edge1", 1)),
        *pair(replace(_DB, mtu=1500), ("edge1", 2)),
        StaticRoute(
            id="lab",
            vpc_id="shop",
            prefix=IPv4Network("172.16.0.0/16"),
            next_hop=IPv4Address("10.1.0.10"),
            network_id="web",
        ),
        *_office(),
    ],
    "shared-network": [
        *edges(1),
        *pair(replace(only4(network("lobby")), kind=NetworkKind.SHARED), ("edge1", 1), ("edge1", 2)),
    ],
    "l2-network": [*edges(2), *pair(l2_network("cable"), ("edge1", 1), ("edge2", 1))],
    "ipv6": [
        *edges(1),
        *pair(replace(only6(network("six")), answers_names=True), ("edge1", 1), ("edge1", 2)),
    ],
    "trunk": [
        *edges(1),
        *pair(only4(network("blue")), ("edge1", 5, 10), ("edge1", 1)),
        *pair(only4(network("red", 2)), ("edge1", 5, 20)),
    ],
    "ecmp": [*leaf_spine(2, 2), *pair(l2_network("cable"), ("leaf1", 10), ("leaf2", 10))],
    "plain-fabric": [
        *(
            replace(record, capabilities=replace(PLAIN, version=OPENFLOW_13))
            if isinstance(record, Switch) and record.role is SwitchRole.FABRIC
            else record
            for record in leaf_spine(2, 2)
        ),
        *pair(l2_network("cable"), ("leaf1", 10), ("leaf2", 10)),
    ],
    "gateway": [
        *edges(2),
        *outside("edge2", _BLUE),
        *pair(_BLUE, ("edge1", 1), ("edge1", 2)),
    ],
    "gateway-cuts": [
        *edges(1),
        *outside("edge1", _CUT),
        *pair(_CUT, ("edge1", 1)),
    ],
    "gateway6": [
        *edges(2),
        *outside6(_DUAL),
        *pair(_DUAL, ("edge1", 1), ("edge2", 1)),
    ],
    "balancer-sctp": [
        *edges(1),
        *outside("edge1", _BLUE),
        *sctp_pool(_BLUE),
        *pair(_BLUE, ("edge1", 1)),
    ],
    "balancer-direct": [
        *edges(2),
        *outside("edge2", _BLUE),
        *direct_pools(_BLUE, 10, 11),
        *pair(_BLUE, ("edge1", 1), ("edge2", 1)),
    ],
    "balancer6": [
        *edges(2),
        *outside6(_DUAL),
        *balanced6(_DUAL),
        *pair(_DUAL, ("edge1", 1), ("edge2", 1)),
    ],
    "gateway-narrow": [
        *edges(2),
        *outside6(_NARROW),
        *balanced6(_NARROW),
        *direct_pools(_NARROW, 10, 11),
        own_address(nic(_NARROW, 10), IPv4Address("203.0.113.11")),
        *pair(_NARROW, ("edge1", 1), ("edge2", 1)),
    ],
    "plain-gateway": [
        *(
            replace(record, capabilities=PLAIN) if isinstance(record, Switch) else record
            for record in edges(2)
        ),
        vpc("shop"),
        *pair(only4(network("web", 1, vpc_id="shop")), ("edge1", 1), ("edge2", 1)),
        *_untracked(only4(network("web", 1, vpc_id="shop"))),
    ],
    "plain-lists": [
        *(
            replace(record, capabilities=PLAIN) if isinstance(record, Switch) else record
            for record in edges(2)
        ),
        vpc("shop"),
        *_mirrored(),
        *pair(replace(network("web", 1, vpc_id="shop"), acl_id="mirrored"), ("edge1", 1), ("edge2", 1)),
        *pair(replace(network("db", 2, vpc_id="shop"), acl_id="one way"), ("edge1", 2)),
    ],
    "refused": [
        *(
            replace(record, capabilities=PLAIN) if isinstance(record, Switch) else record
            for record in edges(2)
        ),
        vpc("shop"),
        *pair(_WEB, ("edge1", 1)),
        *pair(_DB, ("edge2", 1)),
    ],
}
_GATEWAYS = {
    "gateway": "edge2",
    "gateway-cuts": "edge1",
    "gateway6": "edge2",
    "gateway-narrow": "edge2",
    "balancer-direct": "edge2",
    "balancer-sctp": "edge1",
    "balancer6": "edge2",
    "private-gateway": "edge1",
    "private-gateway-cuts": "edge1",
    "plain-gateway": "edge2",
}
for _world, _gateway in _GATEWAYS.items():
    WORLDS[_world] = [
        replace(record, public_port=9) if isinstance(record, Switch) and record.id == _gateway else record
        for record in WORLDS[_world]
    ]
#: Every world has the tenant that owns its networks.
WORLDS = {name: [*tenant(), *records] for name, records in WORLDS.items()}
