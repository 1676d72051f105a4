"""Where a tier cuts connections: what went by a private gateway, and what ports of the VPC forwarded."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.simulate import first_live, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Record
from sdn_orch.intent.packet import IPV4, TCP, Packet
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.routing import ZONES, PrivateGateway
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.traffic import Direction, Verdict
from tests.golden.worlds import WORLDS
from tests.property.compiled import compile_all
from tests.property.outside import answer
from tests.unit.dataplane.worlds import public_range

WEB, DB, BEHIND_WEB, FAR, CLIENT = (
    int(IPv4Address(it)) for it in ("10.1.0.10", "10.2.0.10", "172.16.0.9", "198.19.0.80", "198.51.100.7")
)
PUBLIC = IPv4Address("203.0.113.10")
OUTSIDE, UPSTREAM = 9, 0x525400000001
#: Ports of the switch, and MAC addresses: of machines, and of their gateways.
AT = {"web": 1, "db": 2}
MACS = {"web": (0x06000000000A, 0x0E5D00000001), "db": (0x06000000000A, 0x0E5D00000002)}


def tcp(eth_src: int, eth_dst: int, source: int, destination: int, vlan: int | None = None) -> Packet:
    fields = {"eth_dst": eth_dst, "eth_src": eth_src, "eth_type": IPV4, "ip_dscp": 0, "ip_ecn": 0}
    fields |= {} if vlan is None else {"vlan_vid": 0x1000 | vlan, "vlan_pcp": 0}
    fields |= {"ip_frag": 0, "ip_ttl": 64, "ip_proto": TCP, "ipv4_src": source, "ipv4_dst": destination}
    return Packet.from_fields({**fields, "tcp_src": 4000, "tcp_dst": 80}, bytes(20))


class Edge:
    """The one switch, with the connections that it tracks."""

    def __init__(self) -> None:
        self.tracked = Connections()

    def sends(self, snapshot: Snapshot, port: int, packet: Packet) -> list[Packet]:
        """What leaves because of a packet that comes to a port."""
        tables, wires = compile_all(snapshot), Wires.of(snapshot)
        start = ("edge1", port)
        found = trace(tables, wires, start, packet, first_live, connections={"edge1": self.tracked})
        return [left for _, left in found.exits]


def office(*, source_nat: bool) -> Snapshot:
    """Two tiers with a private gateway that lets them be asked by TCP, and ask what they like."""
    before = Snapshot.of(*WORLDS["private-gateway-cuts"])
    into = AclItem(
        id="in", list_id="list", position=9, direction=Direction.INGRESS, verdict=Verdict.ALLOW, protocol=TCP
    )
    gateway = replace(before.need(PrivateGateway, "office"), source_nat=source_nat)
    return before.change([Put(into), Put(gateway)])


def ended(snapshot: Snapshot, how: str) -> Snapshot:
    """Without what let connections begin: other items, or another list."""
    none = replace(snapshot.need(AclItem, "all"), verdict=Verdict.DENY)
    if how == "items":
        return snapshot.change([Delete(AclItem, "in"), Put(none)])
    gateway = replace(snapshot.need(PrivateGateway, "office"), acl_id="closed")
    closed = AclList(id="closed", name="closed", vpc_id="shop")
    return snapshot.change(
        [Put(closed), Put(replace(none, id="none", list_id="closed", number=0)), Put(gateway)]
    )


def told(snapshot: Snapshot, *, cuts: bool) -> Snapshot:
    """The tier web cuts connections, or not."""
    return snapshot.change([Put(replace(snapshot.need(Network, "web"), cuts_connections=cuts))])


@pytest.mark.parametrize("how", ["items", "list"])
@pytest.mark.parametrize("source_nat", [True, False])
@pytest.mark.parametrize("guest", [WEB, BEHIND_WEB, DB])
def test_what_a_machine_began_by_a_private_gateway(guest: int, source_nat: bool, how: str) -> None:
    before, edge = office(source_nat=source_nat), Edge()
    tier = "db" if guest == DB else "web"
    asked = tcp(*MACS[tier], guest, FAR)
    (left,) = edge.sends(before, AT[tier], asked)
    assert left["ipv4_src"] == (int(IPv4Address("198.18.0.7")) if source_nat else guest)
    replied = answer(left)
    assert [each["ipv4_dst"] for each in edge.sends(before, OUTSIDE, replied)] == [guest]
    after = ended(before, how)
    for snapshot, goes_on in (
        (after, tier == "db"),
        (told(after, cuts=False), True),
        (before, True),
        (after, tier == "db"),
    ):
        assert bool(edge.sends(snapshot, AT[tier], asked)) == goes_on
        assert bool(edge.sends(snapshot, OUTSIDE, replied)) == goes_on


@pytest.mark.parametrize("how", ["items", "list"])
@pytest.mark.parametrize("source_nat", [True, False])
@pytest.mark.parametrize("guest", [WEB, BEHIND_WEB, DB])
def test_what_was_begun_by_a_private_gateway_from_outside(guest: int, source_nat: bool, how: str) -> None:
    before, edge = office(source_nat=source_nat), Edge()
    tier = "db" if guest == DB else "web"
    mac = 0x0E5D02000000 | ZONES + before.need(PrivateGateway, "office").number
    asked = tcp(UPSTREAM, mac, FAR, guest, vlan=700)
    (arrived,) = edge.sends(before, OUTSIDE, asked)
    assert arrived["ipv4_dst"] == guest
    replied = answer(arrived)
    assert [each["ipv4_dst"] for each in edge.sends(before, AT[tier], replied)] == [FAR]
    after = ended(before, how)
    for snapshot, goes_on in ((after, tier == "db"), (told(after, cuts=False), True), (before, True)):
        assert bool(edge.sends(snapshot, OUTSIDE, asked)) == goes_on
        assert bool(edge.sends(snapshot, AT[tier], replied)) == goes_on


def test_what_ports_of_a_vpc_forwarded_ends_by_the_word_of_the_tier_that_they_led_to() -> None:
    before, edge = Snapshot.of(*WORLDS["private-gateway-cuts"]), Edge()
    shared = PublicAddress(
        id="shared", range_id="range", account_id="tenant", address=PUBLIC, vpc_id="shop", is_source_nat=True
    )
    records: list[Record] = [
        public_range(IPv4Network("203.0.113.0/24")),
        NextHop(id="public hop", range_id="range", mac="52:54:00:00:00:01"),
        shared,
    ]
    for number, tier in enumerate(AT):
        guest, ports = IPv4Address((WEB, DB)[number]), (80 + number, 80 + number)
        forward = Forward(
            id=tier,
            address_id="shared",
            protocol=TCP,
            nic_id=f"{tier}-10",
            guest=guest,
            public=ports,
            private=ports,
        )
        records.append(forward)
    before = before.change([*map(Put, records)])
    spoken: dict[str, tuple[Packet, Packet]] = {}
    mac = 0x0E5D02000000 | before.need(PublicAddress, "shared").number
    for number, tier in enumerate(AT):
        asked = tcp(UPSTREAM, mac, CLIENT, int(PUBLIC)).replace(tcp_dst=80 + number)
        (arrived,) = edge.sends(before, OUTSIDE, asked)
        replied = answer(arrived)
        assert [each["ipv4_src"] for each in edge.sends(before, AT[tier], replied)] == [int(PUBLIC)]
        spoken[tier] = asked, replied
    after = before.change([Delete(Forward, tier) for tier in AT])
    for snapshot, going_on in ((after, {"db"}), (told(after, cuts=False), {"web", "db"})):
        for tier, (asked, replied) in spoken.items():
            assert bool(edge.sends(snapshot, OUTSIDE, asked)) == (tier in going_on)
            assert bool(edge.sends(snapshot, AT[tier], replied)) == (tier in going_on)
