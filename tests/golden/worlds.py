"""A dozen worlds, each small enough to read what is made of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from sdn_orch.intent.model import Link, Network, NetworkKind, Record, Switch, SwitchRole, Transport
from sdn_orch.openflow.values import OPENFLOW_13
from tests.unit.dataplane.worlds import (
    OPEN_VSWITCH,
    PLAIN,
    attach,
    l2_network,
    leaf_spine,
    network,
    nic,
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


_WEB, _DB = only4(network("web", 1, vpc_id="shop")), only4(network("db", 2, vpc_id="shop", mtu=1400))

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
    "vxlan": [*edges(2, Transport.VXLAN), *pair(only4(network("blue")), ("edge1", 1), ("edge2", 1))],
    "vlan": [
        *edges(2, Transport.VLAN),
        *pair(replace(only4(network("blue")), vlan=7), ("edge1", 1), ("edge2", 1)),
    ],
    "vpc-of-two-tiers": [*edges(2), vpc("shop"), *pair(_WEB, ("edge1", 1)), *pair(_DB, ("edge2", 1))],
    "shared-network": [
        *edges(1),
        *pair(replace(only4(network("lobby")), kind=NetworkKind.SHARED), ("edge1", 1), ("edge1", 2)),
    ],
    "l2-network": [*edges(2), *pair(l2_network("cable"), ("edge1", 1), ("edge2", 1))],
    "ipv6": [*edges(1), *pair(only6(network("six")), ("edge1", 1), ("edge1", 2))],
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
#: Every world has the tenant that owns its networks.
WORLDS = {name: [*tenant(), *records] for name, records in WORLDS.items()}
