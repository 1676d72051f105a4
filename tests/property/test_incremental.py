"""Incremental equals from-scratch: worlds, compiled switches, and plans, over random changes.

Changes go around validation on purpose, so that the compiler also meets what it must refuse.
"""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdn_orch.dataplane.compiler import Compiled, compile_switch
from sdn_orch.dataplane.pipeline import METERED_NICS
from sdn_orch.dataplane.plan import diff
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.world import World
from sdn_orch.errors import InUse, Invalid, NotFound
from sdn_orch.intent import balancers
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Affinity, Algorithm, Balancer, Draining, Member, Relief, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import gateway_of
from sdn_orch.intent.health import Failing
from sdn_orch.intent.model import (
    Arrival,
    Attachment,
    Capabilities,
    Link,
    Machine,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    SwitchRole,
    Transport,
    Vpc,
)
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, PrivateHop, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.traffic import Direction, Verdict
from sdn_orch.openflow.values import State
from sdn_orch.southbound.fake import FakeSwitch
from tests.effort import examples
from tests.refusals import refusals
from tests.unit.dataplane.worlds import (
    OPEN_VSWITCH,
    PLAIN,
    attach,
    l2_network,
    leaf_spine,
    network,
    nic,
    public_range,
    tenant,
    vpc,
)

CAPABILITIES = (
    OPEN_VSWITCH,
    PLAIN,
    dataclasses.replace(PLAIN, meters=True),
    dataclasses.replace(PLAIN, group_select=False, group_fast_failover=False),
)
NETWORKS = (
    network("alone", 1),
    dataclasses.replace(network("tier1", 2, vpc_id="vpc"), acl_id="list1"),
    network("tier2", 3, vpc_id="vpc", mtu=1400),
    network("tier3", 4, vpc_id="vpc"),
    dataclasses.replace(network("only4", 5), ipv6=None, gateway6=None, vlan=50),
    dataclasses.replace(l2_network("l2"), vlan=60),
)
LISTS, GROUPS = ("list1", "list2"), ("web", "db")
#: The groups that NICs of a network are in at the start.
IN_GROUPS = {"alone": ("web",), "only4": ("web", "db")}
#: Next hops in a tier and behind private gateways.
_HOPS = (IPv4Address("10.2.0.9"), IPv4Address("198.18.0.1"), IPv4Address("198.18.1.1"))
SWITCHES = ("leaf1", "leaf2", "leaf3", "spine1", "spine2")


#: What changes, and how often beside the others.
KINDS: tuple[type[Record], ...] = (
    *(Nic, Nic, Nic, Attachment, Attachment, Attachment, Arrival, Network, Link, Link, Switch, Vpc),
    *(Machine, StaticRoute, StaticRoute, PrivateGateway, PrivateGateway, PrivateHop),
    *(PublicAddress, PublicAddress, PublicRange, NextHop, FirewallRule, EgressRule, Forward),
    *(NextHop, RoutedRule, RoutedRule),
    *(AclItem, AclItem, SecurityRule, SecurityRule),
    *(Balancer, Member, Member, Draining, Relief, Stickiness, balancers.HealthCheck, Failing),
)


@st.composite
def changes(draw: st.DrawFn, snapshot: Snapshot, kinds: tuple[type[Record], ...] = KINDS) -> list[Change]:
    """One to three changes of these kinds."""
    return [draw(_change(snapshot, kinds)) for _ in range(draw(st.integers(1, 3)))]


@st.composite
def _change(draw: st.DrawFn, snapshot: Snapshot, kinds: tuple[type[Record], ...]) -> Change:
    kind = draw(st.sampled_from(kinds))
    existing: list[Record] = list(snapshot.all(kind))
    if existing and draw(st.integers(0, 3)) == 0:
        return Delete(kind, draw(st.sampled_from(existing)).id)
    return Put(draw(_RECORDS[kind.__name__](snapshot)))


@st.composite
def _nic(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    home = draw(st.sampled_from(list(snapshot.all(Network)) or [NETWORKS[0]]))
    number = draw(st.integers(10, 14))
    record = nic(home, number, active=draw(st.integers(0, 4)) > 0)
    if snapshot.get(Machine, "machine") is not None and draw(st.booleans()):
        record = dataclasses.replace(record, machine_id="machine", is_default=draw(st.booleans()))
    if home.ipv4 is not None and draw(st.booleans()):
        # Of its own: no two NICs of a network are let in with one address.
        secondary = home.ipv4[10 * number + draw(st.integers(0, 1))]
        record = dataclasses.replace(record, secondary4=(secondary,))
    if draw(st.integers(0, 20)) == 0:
        record = dataclasses.replace(record, mac="0e:5d:00:00:00:01")
    fronts = [None, *(one.id for one in snapshot.where(Balancer, "network_id", home.id))]
    record = dataclasses.replace(record, balancer_id=draw(st.sampled_from(fronts)))
    if home.kind is not NetworkKind.L2:
        chosen = draw(st.sampled_from(((), (), ("web",), ("db",), ("web", "db"))))
        record = dataclasses.replace(record, group_ids=chosen)
    return _numbered(snapshot, record)


@st.composite
def _attachment(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    nics = list(snapshot.all(Nic))
    target = draw(st.sampled_from(nics)).id if nics else "none"
    switch_id = draw(st.sampled_from((*SWITCHES[:3], *SWITCHES[:4])))
    port = draw(st.sampled_from((1, 9, 10, 11, 12, 0xFF00)))
    vlan = draw(st.sampled_from((None, None, 7, 8)))
    return _numbered(snapshot, attach(target, switch_id, port, vlan))


@st.composite
def _arrival(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    nics = list(snapshot.all(Nic))
    target = draw(st.sampled_from(nics)).id if nics else "none"
    record = Arrival(
        id=f"arrival-{target}",
        nic_id=target,
        switch_id=draw(st.sampled_from((*SWITCHES[:3], *SWITCHES[:4]))),
        port=draw(st.sampled_from((1, 9, 10, 11, 12, 40, 41))),
        admitted=draw(st.sampled_from((True, True, False))),
    )
    return _numbered(snapshot, record)


@st.composite
def _network(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    record = draw(st.sampled_from(NETWORKS))
    name, mtu = draw(st.sampled_from((record.name, "renamed"))), draw(st.sampled_from((1400, 1500)))
    rate = draw(st.sampled_from((None, None, None, 10, 20)))
    record = dataclasses.replace(record, name=name, mtu=mtu, rate=rate, answers_names=draw(st.booleans()))
    if record.ipv4 is not None and draw(st.booleans()):
        record = dataclasses.replace(record, vpc_id=draw(st.sampled_from((None, "vpc"))))
    if record.ipv4 is not None:
        record = dataclasses.replace(record, cuts_connections=draw(st.booleans()))
    if record.ipv4 is not None and record.vpc_id is None:
        record = dataclasses.replace(record, routed4=draw(st.booleans()))
    if record.ipv4 is not None:
        record = dataclasses.replace(record, acl_id=draw(st.sampled_from((None, None, *LISTS))))
        if draw(st.integers(0, 3)) == 0:
            record = dataclasses.replace(record, ipv6=None, gateway6=None)
    return _numbered(snapshot, record)


@st.composite
def _machine(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    rate = draw(st.sampled_from((None, 5, 15)))
    return _numbered(snapshot, Machine(id="machine", account_id="tenant", name="machine", rate=rate))


@st.composite
def _static_route(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    number = draw(st.integers(1, 4))
    homes = [home for home in snapshot.all(Network) if home.ipv4 is not None] or [NETWORKS[0]]
    home = draw(st.sampled_from((None, *homes, *homes)))
    gateways = [None, *snapshot.all(PrivateGateway)] if home is None else [None]
    gateway = draw(st.sampled_from(gateways))
    guests = [] if home is None else snapshot.where(Nic, "network_id", home.id)
    addresses = [address for one in guests for address in one.addresses if isinstance(address, IPv4Address)]
    return _numbered(
        snapshot,
        StaticRoute(
            id=f"route{number}",
            vpc_id=draw(st.sampled_from(("vpc", "vpc", "vpc", "other"))),
            prefix=draw(st.sampled_from((IPv4Network("172.16.0.0/16"), IPv4Network("192.168.0.0/16")))),
            next_hop=draw(st.sampled_from((*_HOPS, *addresses))),
            network_id=None if home is None else home.id,
            gateway_id=None if gateway is None else gateway.id,
        ),
    )


@st.composite
def _private_gateway(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    number = draw(st.integers(1, 3))
    prefix = IPv4Network(f"198.18.{draw(st.integers(0, 1))}.0/24")
    record = PrivateGateway(
        id=f"private{number}",
        vpc_id=draw(st.sampled_from(("vpc", "vpc", "other"))),
        address=prefix[draw(st.integers(8, 9))],
        ipv4=prefix,
        gateway=prefix[draw(st.integers(1, 2))],
        vlan=draw(st.sampled_from((None, 7, 9))),
        source_nat=draw(st.booleans()),
        acl_id=draw(st.sampled_from((None, *LISTS, *LISTS))),
    )
    return _numbered(snapshot, record)


@st.composite
def _private_hop(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    gateway = draw(st.sampled_from([one.id for one in snapshot.all(PrivateGateway)] or ["none"]))
    hop, mac = draw(st.sampled_from(_HOPS)), draw(st.sampled_from(("52:54:00:00:00:01", "52:54:00:00:00:02")))
    return _numbered(snapshot, PrivateHop(id=f"{gateway} {hop}", gateway_id=gateway, address=hop, mac=mac))


@st.composite
def _vpc(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    return _numbered(snapshot, vpc(draw(st.sampled_from(("vpc", "other")))))


@st.composite
def _public_range(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    number = draw(st.integers(1, 2))
    record = PublicRange(
        id=f"range{number}",
        ipv4=IPv4Network(f"203.0.{number}.0/24"),
        gateway=IPv4Address(f"203.0.{number}.{draw(st.integers(1, 2))}"),
        first=IPv4Address(f"203.0.{number}.10"),
        last=IPv4Address(f"203.0.{number}.99"),
        vlan=draw(st.sampled_from((None, 7))),
    )
    if draw(st.integers(0, 3)):
        outside = IPv6Network(f"2001:db8:ff0{number}::/64")
        gateway = outside[draw(st.integers(1, 2))]
        record = dataclasses.replace(record, ipv6=outside, gateway6=gateway)
    return _numbered(snapshot, record)


@st.composite
def _next_hop(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    number = draw(st.integers(1, 2))
    mac = draw(st.sampled_from(("52:54:00:00:00:01", "52:54:00:00:00:02")))
    version = draw(st.sampled_from((4, 6)))
    hop = NextHop(id=f"hop{number}/{version}", range_id=f"range{number}", mac=mac, version=version)
    return _numbered(snapshot, hop)


@st.composite
def _public_address(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    host, number = draw(st.integers(10, 15)), draw(st.integers(1, 2))
    homes = list(snapshot.all(Network)) or [NETWORKS[0]]
    home = draw(st.sampled_from((None, *homes)))
    guests = [] if home is None else snapshot.where(Nic, "network_id", home.id)
    guest = draw(st.sampled_from((None, *(one for one in guests if one.ipv4 is not None))))
    return _numbered(
        snapshot,
        PublicAddress(
            id=f"address{number}-{host}",
            range_id=f"range{number}",
            account_id="tenant",
            address=IPv4Address(f"203.0.{number}.{host}"),
            network_id=None if home is None else home.id,
            vpc_id=None if home is None else home.vpc_id,
            is_source_nat=guest is None and draw(st.booleans()),
            nic_id=None if guest is None else guest.id,
            guest=None if guest is None else guest.ipv4,
        ),
    )


def _address_id(draw: st.DrawFn, snapshot: Snapshot) -> str:
    return draw(st.sampled_from([one.id for one in snapshot.all(PublicAddress)] or ["none"]))


@st.composite
def _firewall_rule(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    first = draw(st.integers(1, 100))
    record = FirewallRule(
        id=f"rule{draw(st.integers(1, 4))}",
        address_id=_address_id(draw, snapshot),
        protocol=6,
        ports=(first, first + draw(st.integers(0, 20))),
        sources=draw(st.sampled_from(((), (IPv4Network("198.51.100.0/24"),)))),
    )
    return _numbered(snapshot, record)


@st.composite
def _egress_rule(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    home = draw(st.sampled_from(list(snapshot.all(Network)) or [NETWORKS[0]]))
    number = draw(st.integers(1, 3))
    return _numbered(
        snapshot, EgressRule(id=f"out{number}", network_id=home.id, protocol=17, ports=(50, 50 + number))
    )


@st.composite
def _routed_rule(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    home = draw(st.sampled_from(list(snapshot.all(Network)) or [NETWORKS[0]]))
    number = draw(st.integers(1, 4))
    record = RoutedRule(
        id=f"routed{number}",
        network_id=home.id,
        direction=draw(st.sampled_from(Direction)),
        version=draw(st.sampled_from((4, 6, 6))),
        protocol=6,
        ports=(50, 50 + draw(st.integers(0, 2))),
        sources=draw(st.sampled_from(((), (IPv6Network("2001:db8:aaaa::/48"),)))),
    )
    return _numbered(snapshot, record)


@st.composite
def _forward(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    guests = [one for one in snapshot.all(Nic) if one.ipv4 is not None]
    guest = draw(st.sampled_from(guests)) if guests else None
    number = draw(st.integers(1, 3))
    width = draw(st.integers(0, 3))
    record = Forward(
        id=f"forward{number}",
        address_id=_address_id(draw, snapshot),
        nic_id="none" if guest is None else guest.id,
        guest=IPv4Address("10.1.0.10") if guest is None or guest.ipv4 is None else guest.ipv4,
        protocol=6,
        public=(100 * number, 100 * number + width),
        private=draw(st.sampled_from(((100 * number, 100 * number + width), (8000, 8000 + width)))),
    )
    return _numbered(snapshot, record)


def _fronts(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Addresses that a balancer may have: public ones, and inside of networks some that it may share."""
    found: list[dict[str, Any]] = [{"address_id": one.id} for one in snapshot.all(PublicAddress)]
    for home in snapshot.all(Network):
        if home.ipv4 is not None:
            found.append({"inner_network_id": home.id, "inner": home.ipv4[200]})
        if home.ipv6 is not None:
            found.append({"inner_network_id": home.id, "inner": home.ipv6[200]})
    return found or [{"address_id": "none"}]


@st.composite
def _balancer(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    homes = [home for home in snapshot.all(Network) if home.ipv4 is not None] or [NETWORKS[0]]
    number, width = draw(st.integers(1, 3)), draw(st.sampled_from((0, 1, 20)))
    first = 1000 * number
    record = Balancer(
        id=f"balancer{number}",
        account_id="tenant",
        network_id=draw(st.sampled_from(homes)).id,
        **draw(st.sampled_from(_fronts(snapshot))),
        name="balancer",
        protocol=draw(st.sampled_from((6, 17, 132))),
        ports=(first, first + width),
        guest_ports=draw(st.sampled_from(((first, first + width), (80, 80), (80, 80 + width)))),
        algorithm=draw(st.sampled_from(Algorithm)),
        fails_open=draw(st.booleans()),
        sources=draw(st.sampled_from(((), (IPv4Network("198.51.100.0/24"),)))),
        tls=draw(st.integers(0, 4)) == 0,
        proxy_protocol=draw(st.booleans()),
        seats=draw(st.sampled_from((0, 9))),
    )
    if record.protocol != 132 and draw(st.booleans()):
        record = dataclasses.replace(
            record, direct_return=True, guest_ports=record.ports, tls=False, proxy_protocol=False
        )
    return _numbered(snapshot, record)


@st.composite
def _member(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    homes = [one.id for one in snapshot.all(Balancer)] or ["none"]
    seat, balancer_id = draw(st.integers(0, 4)), draw(st.sampled_from(homes))
    nics = [one.id for one in snapshot.all(Nic) if one.ipv4 is not None] or ["none"]
    record = Member(
        id=f"{balancer_id}/{seat}",
        balancer_id=balancer_id,
        nic_id=draw(st.sampled_from(nics)),
        weight=draw(st.integers(0, 3)),
        seat=seat,
    )
    return _numbered(snapshot, record)


@st.composite
def _health_check(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    balancer_id = draw(st.sampled_from([one.id for one in snapshot.all(Balancer)] or ["none"]))
    return _numbered(snapshot, balancers.HealthCheck(id=f"check {balancer_id}", balancer_id=balancer_id))


@st.composite
def _failing(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    member_id = draw(st.sampled_from([one.id for one in snapshot.all(Member)] or ["none"]))
    return _numbered(snapshot, Failing(id=f"{member_id} fails", member_id=member_id))


@st.composite
def _relief(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    balancer_id = draw(st.sampled_from([one.id for one in snapshot.all(Balancer)] or ["none"]))
    marks = [one.mark for one in snapshot.all(Member)] or [1]
    moves = draw(st.dictionaries(st.integers(0, 300), st.sampled_from(marks), max_size=4))
    record = Relief(id=f"relief {balancer_id}", balancer_id=balancer_id, moves=tuple(moves.items()))
    return _numbered(snapshot, record)


@st.composite
def _draining(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    nics = [one.id for one in snapshot.all(Nic) if one.ipv4 is not None] or ["none"]
    mark = draw(st.integers(1, 6)) * 1000
    record = Draining(
        id=f"draining {mark}",
        balancer_id=draw(st.sampled_from([one.id for one in snapshot.all(Balancer)] or ["none"])),
        nic_id=draw(st.sampled_from(nics)),
        mark=mark,
        until=0,
    )
    return _numbered(snapshot, record)


@st.composite
def _stickiness(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    balancer_id = draw(st.sampled_from([one.id for one in snapshot.all(Balancer)] or ["none"]))
    record = Stickiness(
        id=f"sticky {balancer_id}",
        balancer_id=balancer_id,
        name="sticky",
        affinity=draw(st.sampled_from(Affinity)),
        expire=60,
    )
    return _numbered(snapshot, record)


@st.composite
def _acl_item(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    position = draw(st.integers(1, 4))
    chosen, direction = draw(st.sampled_from(LISTS)), draw(st.sampled_from(Direction))
    far = draw(st.sampled_from(((), (), (IPv4Network("10.2.0.0/16"),))))
    protocol = draw(st.sampled_from((None, None, 6)))
    record = AclItem(
        id=f"{chosen}/{draw(st.integers(1, 6))}",
        list_id=chosen,
        position=position,
        direction=direction,
        verdict=draw(st.sampled_from(Verdict)),
        protocol=protocol,
        ports=None if protocol is None else draw(st.sampled_from((None, None, (80, 90)))),
        sources=far if direction is Direction.INGRESS else (),
        destinations=far if direction is Direction.EGRESS else (),
    )
    return _numbered(snapshot, record)


@st.composite
def _security_rule(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    group = draw(st.sampled_from(GROUPS))
    first, about_all = draw(st.integers(1, 3)), draw(st.integers(0, 2)) == 0
    record = SecurityRule(
        id=f"{group}/{draw(st.integers(1, 4))}",
        group_id=group,
        direction=draw(st.sampled_from(Direction)),
        peer_id=None if about_all else draw(st.sampled_from((None, *GROUPS))),
        protocol=None if about_all else 6,
        ports=None if about_all else (first, first + draw(st.integers(0, 3))),
    )
    return _numbered(snapshot, record)


@st.composite
def _link(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    leaf, spine, extra = (draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.sampled_from((0, 0, 20))))
    record = Link(
        id=f"{leaf}-{spine}-{extra}",
        a_switch_id=f"leaf{leaf}",
        a_port=spine + extra,
        b_switch_id=f"spine{spine}",
        b_port=leaf + extra,
        up=draw(st.booleans()),
        capacity=draw(st.sampled_from((10_000, 40_000))),
    )
    return _numbered(snapshot, record)


@st.composite
def _switch(draw: st.DrawFn, snapshot: Snapshot) -> Record:
    name = draw(st.sampled_from(SWITCHES))
    transport = draw(st.sampled_from((Transport.LABEL, Transport.LABEL, Transport.VXLAN, Transport.VLAN)))
    number = SWITCHES.index(name) + 1
    record = Switch(
        id=name,
        dpid=number,
        name=draw(st.sampled_from((name, "renamed"))),
        role=draw(st.sampled_from((SwitchRole.EDGE, SwitchRole.EDGE, SwitchRole.FABRIC))),
        transport=transport,
        underlay=draw(st.sampled_from((None, 9, 9, 9))),
        tunnel_address=draw(st.sampled_from((None, IPv4Address(f"192.0.2.{number}")))),
        learn_ports=draw(st.sampled_from(((), (11,), (11, 13)))),
        public_port=draw(st.sampled_from((None, 70, 70))),
        gateway_weight=draw(st.integers(1, 3)),
        outside_down=draw(st.sampled_from((False, False, False, True))),
        lost=draw(st.sampled_from((False, False, False, True))),
        capabilities=draw(st.sampled_from((*CAPABILITIES, Capabilities(tables=3)))),
    )
    return _numbered(snapshot, record)


_RECORDS = {
    "Nic": _nic,
    "Attachment": _attachment,
    "Arrival": _arrival,
    "Network": _network,
    "Machine": _machine,
    "StaticRoute": _static_route,
    "PrivateGateway": _private_gateway,
    "PrivateHop": _private_hop,
    "Vpc": _vpc,
    "Link": _link,
    "Switch": _switch,
    "PublicRange": _public_range,
    "NextHop": _next_hop,
    "PublicAddress": _public_address,
    "FirewallRule": _firewall_rule,
    "EgressRule": _egress_rule,
    "RoutedRule": _routed_rule,
    "Forward": _forward,
    "Balancer": _balancer,
    "Member": _member,
    "Stickiness": _stickiness,
    "HealthCheck": _health_check,
    "Failing": _failing,
    "Draining": _draining,
    "Relief": _relief,
    "AclItem": _acl_item,
    "SecurityRule": _security_rule,
}


def _numbered(snapshot: Snapshot, record: Record) -> Record:
    old = snapshot.get(type(record), record.id)
    return record if old is None else dataclasses.replace(record, number=old.number)


def start(capabilities: Capabilities) -> Snapshot:
    records: list[Record] = [*tenant(), vpc("vpc"), *NETWORKS, *leaf_spine(2, 3, capabilities)]
    for home in NETWORKS:
        for leaf in (1, 2):
            one = dataclasses.replace(nic(home, 9 + leaf), group_ids=IN_GROUPS.get(home.id, ()))
            records += [one, attach(one.id, f"leaf{leaf}", 10 + NETWORKS.index(home))]
    # Of one more NIC the meters would be those of the first of them.
    distant = dataclasses.replace(nic(NETWORKS[-1], 20), number=METERED_NICS + 1)
    records += [distant, attach(distant.id, "leaf1", 12)]
    # Of some it is known where they will be.
    awaited = (nic(NETWORKS[0], 11), nic(NETWORKS[-1], 10), nic(NETWORKS[1], 10))
    records += [
        Arrival(id=f"arrival-{one.id}", nic_id=one.id, switch_id="leaf3", port=port)
        for port, one in enumerate(awaited, 40)
    ]
    records = [
        dataclasses.replace(record, public_port=70)
        if isinstance(record, Switch) and record.id in ("leaf2", "leaf3")
        else record
        for record in records
    ]
    network4, network6 = IPv4Network("203.0.1.0/24"), IPv6Network("2001:db8:ff01::/64")
    records += [
        *(AclList(id=name, name=name) for name in LISTS),
        *(SecurityGroup(id=name, account_id="tenant", name=name) for name in GROUPS),
        public_range(network4, network6, id="range1"),
        *(
            NextHop(id=f"hop1/{version}", range_id="range1", mac="52:54:00:00:00:01", version=version)
            for version in (4, 6)
        ),
        *(
            PublicAddress(
                id=f"address1-{host}",
                range_id="range1",
                account_id="tenant",
                address=network4[host],
                network_id="alone" if vpc_id is None else None,
                vpc_id=vpc_id,
                is_source_nat=True,
            )
            for host, vpc_id in ((10, None), (11, "vpc"))
        ),
    ]
    return Snapshot.of(*records)


def assert_same(one: Compiled, other: Compiled) -> None:
    assert one.state.flows == other.state.flows
    assert one.state.groups == other.state.groups
    assert one.state.meters == other.state.meters
    assert set(refusals(one)) == set(refusals(other))


@settings(
    max_examples=examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.sampled_from(CAPABILITIES), st.data())
def test_incremental_is_from_scratch(capabilities: Capabilities, data: st.DataObject) -> None:
    snapshot = start(capabilities)
    world = World.of(snapshot)
    compiled = {switch.id: compile_switch(world, switch.id) for switch in snapshot.all(Switch)}
    held = {switch_id: FakeSwitch(1, capabilities) for switch_id in compiled}
    for switch_id, fake in held.items():
        for chunk in diff(compiled[switch_id].state, State.empty(), capabilities.version, 7).chunks:
            fake.take(chunk)
    for _ in range(data.draw(st.integers(1, 6))):
        wanted = data.draw(changes(snapshot))
        try:
            after = snapshot.change(wanted)
        except (Invalid, InUse, NotFound):
            continue
        differences = after.differences(snapshot, wanted)
        new_world = world.advance(differences, after)
        fresh_world = World.of(after)
        units = touched(world, new_world, differences)
        for switch in after.all(Switch):
            fresh = compile_switch(fresh_world, switch.id)
            mine = compiled.setdefault(switch.id, Compiled(switch.id, State.empty(), {}))
            before, now = mine.replace(new_world, [owner for owner, at in units if at == switch.id])
            assert_same(mine, fresh)
            _check_plan(held.setdefault(switch.id, FakeSwitch(1)), switch, mine.state, (before, now))
        for gone in compiled.keys() - {switch.id for switch in after.all(Switch)}:
            del compiled[gone], held[gone]
        snapshot, world = after, new_world


def _check_plan(fake: FakeSwitch, switch: Switch, desired: State, part: tuple[State, State]) -> None:
    """On a strict switch, in small chunks, the plan of the part leads to the whole and touches no more."""
    if fake.capabilities != switch.capabilities:
        # A switch that is another one now comes back empty.
        fake.restart()
        fake.capabilities = switch.capabilities
        plan = diff(desired, fake.copy(), switch.capabilities.version, 5)
    else:
        before, now = part
        plan = diff(now, before, switch.capabilities.version, 5)
        whole = diff(desired, fake.copy(), switch.capabilities.version, 5)
        assert sorted(map(repr, plan)) == sorted(map(repr, whole))
    for chunk in plan.chunks:
        fake.take(chunk)
    assert fake.state == desired
    assert not diff(desired, fake.copy(), switch.capabilities.version)


def _agrees(before: Snapshot, wanted: list[Change]) -> bool:
    """Whether a change makes a difference, after which all switches are as from nothing."""
    world, after = World.of(before), before.change(wanted)
    differences = after.differences(before, wanted)
    new_world = world.advance(differences, after)
    changed = touched(world, new_world, differences)
    made_difference = False
    for switch in after.all(Switch):
        mine = compile_switch(world, switch.id)
        held, now = mine.replace(new_world, [owner for owner, at in changed if at == switch.id])
        made_difference |= held.flows != now.flows
        assert_same(mine, compile_switch(World.of(after), switch.id))
    return made_difference


def test_a_nic_that_is_awaited_is_compiled_anew_where_it_comes_to() -> None:
    begun = start(OPEN_VSWITCH)
    one, limited = nic(NETWORKS[0], 11), begun.need(Network, NETWORKS[-1].id)
    here = begun.change([Put(dataclasses.replace(limited, rate=7))])
    arrival = here.need(Arrival, f"arrival-{one.id}")
    there = here.need(Attachment, f"at-{one.id}")
    rival, distant = (
        here.need(Attachment, f"at-{nic(*of).id}") for of in ((NETWORKS[1], 11), (NETWORKS[-1], 20))
    )
    comes = Put(dataclasses.replace(there, switch_id="leaf3", port=arrival.port))
    left = dataclasses.replace(arrival, switch_id=there.switch_id, port=there.port, admitted=False)
    wanted: list[list[Change]] = [
        [comes],
        [comes, Put(left)],
        [Delete(Arrival, arrival.id)],
        [Put(dataclasses.replace(arrival, admitted=False))],
        [Put(dataclasses.replace(arrival, switch_id="leaf1", port=41))],
        [Put(dataclasses.replace(here.need(Nic, one.id), active=False))],
        # Somebody of another network is where it is awaited, or has the meters that it needs there.
        [Put(dataclasses.replace(rival, switch_id="leaf3", port=arrival.port))],
        [Put(dataclasses.replace(arrival, port=42))],
        [Put(dataclasses.replace(distant, switch_id="leaf3"))],
        [Put(limited)],
    ]
    for changes in wanted:
        assert _agrees(here, changes), changes


def test_ipv6_outside_is_compiled_anew_where_it_changes() -> None:
    """Each of these is rare among the random changes."""
    here = start(OPEN_VSWITCH)
    hop, home = here.need(NextHop, "hop1/6"), here.need(PublicRange, "range1")
    other = IPv6Network("2001:db8:ff09::/64")
    wanted: list[Change] = [
        Put(dataclasses.replace(hop, mac="52:54:00:00:00:02")),
        Delete(NextHop, hop.id),
        Put(dataclasses.replace(home, ipv6=None, gateway6=None)),
        Put(dataclasses.replace(home, ipv6=other, gateway6=other[1])),
        Put(dataclasses.replace(home, vlan=7)),
        Put(RoutedRule(id="in", network_id="alone", direction=Direction.INGRESS, version=6)),
    ]
    for change in wanted:
        assert _agrees(here, [change]), change


def test_balancers_with_direct_return_are_compiled_anew_where_members_may_say_more_or_less() -> None:
    """At members' edges, at gateways, and where machines ask."""
    begun, tier, alone = start(OPEN_VSWITCH), NETWORKS[3], NETWORKS[0]
    public = Balancer(
        id="public",
        account_id="tenant",
        network_id="alone",
        address_id="second",
        name="public",
        protocol=6,
        ports=(80, 80),
        guest_ports=(80, 80),
        direct_return=True,
    )
    inner = dataclasses.replace(public, id="inner", network_id=tier.id, address_id=None)
    inner = dataclasses.replace(inner, inner_network_id=NETWORKS[2].id, inner=IPv4Address("10.3.0.200"))
    inner6 = dataclasses.replace(inner, id="inner6", inner=IPv6Address("2001:db8:3::c8"))
    second = PublicAddress(
        id="second",
        range_id="range1",
        account_id="tenant",
        address=IPv4Address("203.0.1.30"),
        network_id="alone",
    )
    pools = ((public, alone), (inner, tier), (inner6, tier))
    here = begun.change([Put(record) for record in (second, public, inner, inner6)])
    here = here.change(
        [Put(Member(id=f"m{pool.id}", balancer_id=pool.id, nic_id=nic(home, 10).id)) for pool, home in pools]
    )
    gateway = gateway_of(here, "alone")
    assert gateway is not None
    own = here.need(PublicAddress, "second")
    wanted: list[list[Change]] = [
        [Delete(PublicAddress, "address1-11")],
        # Another one has source NAT already.
        [Put(dataclasses.replace(own, is_source_nat=True))],
        [Put(dataclasses.replace(own, network_id="only4"))],
        [Put(dataclasses.replace(gateway, outside_down=True))],
    ]
    for pool, home in pools:
        record, of = here.need(Balancer, pool.id), here.need(Member, f"m{pool.id}")
        first, other = (here.need(Nic, nic(home, host).id) for host in (10, 11))
        drained = Draining(id="drained", balancer_id=pool.id, nic_id=other.id, mark=9000, until=0)
        wanted.append([Put(dataclasses.replace(here.need(Network, home.id), mtu=1300))])
        sticky = Stickiness(
            id="long", balancer_id=pool.id, name="long", affinity=Affinity.SOURCE, expire=2**20
        )
        at = here.need(Attachment, f"at-{first.id}")
        wanted += [
            [Put(Member(id="another", balancer_id=pool.id, nic_id=other.id, seat=1))],
            [Put(drained)],
            [Put(sticky)],
            [Put(dataclasses.replace(of, weight=0))],
            [Delete(Member, of.id)],
            [Delete(Member, of.id), Delete(Balancer, pool.id)],
            [Put(dataclasses.replace(record, direct_return=False))],
            [Put(dataclasses.replace(record, ports=(90, 91), guest_ports=(90, 91)))],
            [Put(dataclasses.replace(record, protocol=17))],
            [Put(dataclasses.replace(first, mac="06:00:00:00:77:07"))],
            [Put(dataclasses.replace(first, active=False))],
            [Put(dataclasses.replace(at, switch_id="leaf3", port=30))],
        ]
    for changed in wanted:
        assert _agrees(here, changed), changed


def test_balancers_without_state_are_compiled_anew_where_anything_stands_in_their_way() -> None:
    """Plain gateways: what is whose member, who has an address alone, and who came first."""
    begun, tier, alone = start(PLAIN), NETWORKS[3], NETWORKS[0]
    first, second = (nic(tier, 9 + leaf) for leaf in (1, 2))
    address = PublicAddress(
        id="front",
        range_id="range1",
        account_id="tenant",
        address=IPv4Address("203.0.1.20"),
        network_id=tier.id,
        vpc_id="vpc",
    )
    balancer = Balancer(
        id="older",
        account_id="tenant",
        network_id=tier.id,
        address_id=address.id,
        name="older",
        protocol=6,
        ports=(80, 80),
        guest_ports=(8080, 8080),
        algorithm=Algorithm.SOURCE,
    )
    later = dataclasses.replace(balancer, id="later", ports=(81, 81))
    own = dataclasses.replace(address, id="own", address=IPv4Address("203.0.1.21"))
    shared = dataclasses.replace(
        own, id="shared", address=IPv4Address("203.0.1.22"), network_id="alone", vpc_id=None
    )
    records = [
        *(address, own, shared, balancer, later),
        dataclasses.replace(balancer, id="unlisted", network_id="alone", address_id="shared"),
        FirewallRule(id="all", address_id="shared"),
        dataclasses.replace(begun.need(Network, "alone"), egress_open=True),
        Member(id="m1", balancer_id="older", nic_id=first.id),
        Member(id="m2", balancer_id="later", nic_id=first.id),
        Member(id="m3", balancer_id="unlisted", nic_id=nic(alone, 10).id),
    ]
    here = begun.change([Put(record) for record in records])
    another = Member(id="m4", balancer_id="older", nic_id=second.id, seat=1)
    wanted: list[Change] = [
        Put(another),
        Delete(Member, "m1"),
        Put(dataclasses.replace(here.need(Member, "m1"), weight=0)),
        Put(dataclasses.replace(here.need(Balancer, "older"), algorithm=Algorithm.ROUND_ROBIN)),
        Put(dataclasses.replace(here.need(Balancer, "older"), guest_ports=(8081, 8081))),
        Put(
            Stickiness(id="s", balancer_id="older", name="s", affinity=Affinity.SOURCE, expire=60, clients=9)
        ),
        Put(dataclasses.replace(here.need(PublicAddress, "own"), nic_id=first.id, guest=first.ipv4)),
        Put(EgressRule(id="out", network_id="alone")),
        Delete(FirewallRule, "all"),
        Put(dataclasses.replace(here.need(Network, "alone"), egress_open=False)),
        Put(dataclasses.replace(here.need(Network, "alone"), routed4=True)),
        Put(dataclasses.replace(here.need(PublicAddress, "front"), vpc_id=None, network_id=None)),
    ]
    for change in wanted:
        assert _agrees(here, [change]), change
