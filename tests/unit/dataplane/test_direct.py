"""Members that answer from their balancer's address: over time, and where no connections are tracked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.simulate import first_live, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.balancers import Balancer, Draining, Member
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Attachment, Nic, Record, Switch
from sdn_orch.intent.packet import IPV4, TCP, UDP, Packet
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.traffic import Direction
from tests.golden.worlds import edges, outside, pair
from tests.property.compiled import compile_all
from tests.property.outside import answer
from tests.unit.dataplane.worlds import PLAIN, network, nic, tenant

HOME = replace(network("blue"), ipv6=None, gateway6=None)
FRONT, PUBLIC = int(IPv4Address("10.1.0.200")), int(IPv4Address("203.0.113.10"))
GATEWAY = 0x0E5D00000001
#: The machines by their hosts, and where they are.
PLACES = {10: ("edge1", 1), 11: ("edge1", 2), 12: ("edge2", 1), 13: ("edge3", 1)}


def world(*members: int) -> Snapshot:
    """Two edges, of which the first is the gateway, and a third one that tracks no connections."""
    inner = Balancer(
        id="inner", account_id="tenant", network_id=HOME.id, inner_network_id=HOME.id,
        inner=IPv4Address(FRONT), name="inner", protocol=TCP, ports=(8080, 8080), guest_ports=(8080, 8080),
        direct_return=True,
    )  # fmt: skip
    public = replace(inner, id="public", inner_network_id=None, inner=None, address_id="source")
    switches = [each for each in edges(3) if isinstance(each, Switch)]
    switches[0] = replace(switches[0], public_port=9)
    switches[2] = replace(switches[2], capabilities=PLAIN)
    cables = [each for each in edges(3) if not isinstance(each, Switch)]
    records: list[Record] = [*tenant(), *switches, *cables, *outside("edge1", HOME)]
    records += pair(HOME, *PLACES.values())
    return Snapshot.of(*records, inner, public, *(member(host, seat) for seat, host in enumerate(members)))


def member(host: int, seat: int, of: str = "inner") -> Member:
    return Member(id=f"m{host}", balancer_id=of, nic_id=nic(HOME, host).id, seat=seat)


class Site:
    """The switches over time, with what they track."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.tracked = {switch.id: Connections() for switch in snapshot.all(Switch)}
        self.change(snapshot)

    def change(self, snapshot: Snapshot) -> None:
        """Other rules."""
        self.snapshot, self.tables = snapshot, compile_all(snapshot)

    def sent(self, host: int, packet: Packet) -> tuple[tuple[str, int], Packet] | None:
        """Where a machine's packet leaves, and as what; None: nowhere."""
        wires = Wires.of(self.snapshot)
        found = trace(self.tables, wires, PLACES[host], packet, first_live, connections=self.tracked)
        assert len(found.exits) < 2
        return found.exits[0] if found.exits else None

    def asked(self, client: int, port: int = 4000) -> int | None:
        """The host that a client comes to, and has its answer from; None: nobody, or it has none."""
        arrived = self.sent(client, said(client, FRONT, port, 8080))
        if arrived is None:
            return None
        place, packet = arrived
        assert (packet["ipv4_dst"], packet["tcp_dst"]) == (FRONT, 8080)
        (host,) = (host for host, where in PLACES.items() if where == place)
        back = self.sent(host, answer(packet))
        if back is None:
            return None
        assert back[0] == PLACES[client] and (back[1]["ipv4_src"], back[1]["tcp_src"]) == (FRONT, 8080)
        return host


def said(
    host: int, to: int, port: int, to_port: int, source: int | None = None, protocol: int = TCP
) -> Packet:
    """What a machine says to whoever has an address, by way of its gateway."""
    machine, name = nic(HOME, host), {TCP: "tcp", UDP: "udp"}[protocol]
    fields = {"eth_dst": GATEWAY, "eth_src": mac_number(machine.mac), "eth_type": IPV4, "ip_dscp": 0}
    fields |= {"ip_ecn": 0, "ip_frag": 0, "ip_ttl": 64, "ip_proto": protocol, "ipv4_dst": to}
    ports = {f"{name}_src": port, f"{name}_dst": to_port}
    own = int(machine.ipv4 or 0) if source is None else source
    return Packet.from_fields(fields | {"ipv4_src": own} | ports, bytes(20))


@pytest.mark.parametrize("client", [11, 12])
def test_connections_stay_with_their_member_until_it_is_drained(client: int) -> None:
    site = Site(world(10))
    assert site.asked(client) == 10
    gone = site.snapshot.need(Member, "m10")
    draining = Draining(id="draining", balancer_id="inner", nic_id=gone.nic_id, mark=gone.mark, until=300)
    site.change(site.snapshot.change([Delete(Member, "m10"), Put(draining), Put(member(12, 1))]))
    assert site.asked(client) == 10
    assert site.asked(client, 5000) == (12 if client != 12 else None), "nobody asks itself"
    site.change(site.snapshot.change([Delete(Draining, "draining")]))
    assert site.asked(client) is None and site.asked(11, 6000) == 12


def test_members_that_ask_get_another_one() -> None:
    site = Site(world(10, 12))
    assert {site.asked(10, port) for port in range(4000, 4256, 16)} == {12}
    assert {site.asked(12, port) for port in range(4000, 4256, 16)} == {10}


def test_from_the_address_members_answer_and_say_nothing_else() -> None:
    site = Site(world(10, 12))
    assert site.asked(11) is not None
    (other,) = {10, 12} - {site.asked(11)}
    for host in (10, 12):
        for protocol, port, to in ((TCP, 8080, 4001), (TCP, 8081, 4000), (UDP, 8080, 4000)):
            for target in (int(nic(HOME, 11).ipv4 or 0), int(IPv4Address("198.51.100.7")), FRONT):
                assert site.sent(host, said(host, target, port, to, FRONT, protocol)) is None
    # Nor does a stranger, also what would be an answer; to whom it is does not show who it is from.
    reply = said(11, int(nic(HOME, 11).ipv4 or 0), 8080, 4000, FRONT)
    assert site.sent(13, reply.replace(eth_src=mac_number(nic(HOME, 13).mac))) is None
    assert site.sent(other, reply.replace(eth_src=mac_number(nic(HOME, other).mac))) is not None


def test_a_public_address_is_answered_from_to_who_is_outside_alone() -> None:
    site = Site(world().change([Put(member(12, 0, "public"))]))
    for target in (11, 10):
        assert site.sent(12, said(12, int(nic(HOME, target).ipv4 or 0), 8080, 4000, PUBLIC)) is None
        assert site.sent(target, said(target, PUBLIC, 4000, 8080)) is None


def test_where_no_connections_are_tracked_nobody_was_asked() -> None:
    site = Site(world(10, 12))
    target = int(nic(HOME, 13).ipv4 or 0)
    for host in (10, 12):
        assert site.sent(host, said(host, target, 8080, 4000, FRONT)) is None
        assert site.sent(host, said(host, target, 8080, 4000)) is not None


def behind_a_trunk() -> Snapshot:
    """Two machines behind one VLAN of a port, of which one lets in who asks and the other nobody."""
    snapshot = world(10)
    open_to_all = SecurityRule(
        id="ask", group_id="open", direction=Direction.INGRESS, protocol=TCP, ports=(8080, 8080)
    )
    groups = [SecurityGroup(id=name, account_id="tenant", name=name) for name in ("open", "closed")]
    changes: list[Record] = [*groups, open_to_all]
    for host, group in ((10, "open"), (11, "closed")):
        changes.append(replace(snapshot.need(Nic, nic(HOME, host).id), group_ids=(group,)))
        place = snapshot.where(Attachment, "nic_id", nic(HOME, host).id)[0]
        changes.append(replace(place, port=5, vlan=30))
    return snapshot.change([Put(each) for each in changes])


def test_what_one_member_is_asked_lets_nothing_in_to_another_at_the_same_place() -> None:
    site = Site(behind_a_trunk())
    question = said(12, FRONT, 4000, 8080)
    arrived = site.sent(12, question)
    assert arrived is not None and arrived[0] == ("edge1", 5)
    back = trace(
        site.tables, Wires.of(site.snapshot), ("edge1", 5), answer(arrived[1]), first_live,
        connections=site.tracked,
    )  # fmt: skip
    assert [place for place, _ in back.exits] == [PLACES[12]]
    # The other one takes its place, and the client's edge knows no longer whom it had chosen.
    site.change(site.snapshot.change([Delete(Member, "m10"), Put(member(11, 1))]))
    site.tracked["edge2"] = Connections()
    assert site.sent(12, question) is None
    allowed = replace(site.snapshot.need(Nic, nic(HOME, 11).id), group_ids=("open",))
    site.change(site.snapshot.change([Put(allowed)]))
    assert site.sent(12, question) is not None


def test_what_a_member_says_unasked_lets_nothing_in_to_another_at_the_same_place() -> None:
    site = Site(behind_a_trunk().change([Delete(Member, "m10"), Put(member(10, 0)), Put(member(11, 1))]))
    site.change(site.snapshot.change([Delete(SecurityRule, "ask")]))
    target = int(nic(HOME, 12).ipv4 or 0)
    for host in (10, 11):
        forged = said(host, target, 8080, 4000, FRONT).replace(vlan_vid=0x1000 | 30, vlan_pcp=0)
        found = trace(
            site.tables, Wires.of(site.snapshot), ("edge1", 5), forged, first_live, connections=site.tracked
        )
        assert not found.exits
    assert all(site.sent(12, said(12, FRONT, 4000, 8080)) is None for _ in range(4))
