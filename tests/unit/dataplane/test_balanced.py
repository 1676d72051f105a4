"""Balancers over time: what conntrack and learnt flows make of changed pools, by IPv6 and for SCTP."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.simulate import first_live, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.balancers import Balancer, Draining, HealthCheck, Member
from sdn_orch.intent.firewall import RoutedRule
from sdn_orch.intent.health import Failing
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Switch
from sdn_orch.intent.packet import IPV6, SCTP, TCP, Packet
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.traffic import Direction
from sdn_orch.openflow.values import ConnectionState, Side, Track, Translate
from tests.golden.worlds import edges, outside6, pair
from tests.property.compiled import compile_all
from tests.property.outside import answer
from tests.unit.dataplane.worlds import network, nic, tenant

HOME = network("blue")
ADDRESS = int(IPv6Address("2001:db8:1::c8"))
#: Of prefixes that are outside, and a machine's inside.
CLIENTS = [int(IPv6Address(f"2001:db8:ffff::{host:x}")) for host in range(1, 40)]
TEN, ELEVEN, INSIDE = (int(nic(HOME, host).ipv6 or 0) for host in (10, 11, 12))
PUBLIC_PORT, UPSTREAM, ROUTER = 9, 0x525400000001, 0x0E5D02000001
#: The ports of the switch that machines are at, by their addresses.
PLACES = {TEN: 1, ELEVEN: 2, INSIDE: 3}


def world(protocol: int, port: int, *members: int) -> Snapshot:
    """A gateway that is the edge too, and a balancer in front of some of its three machines."""
    balancer = Balancer(
        id="pool", account_id="tenant", network_id=HOME.id, inner_network_id=HOME.id,
        inner=IPv6Address(ADDRESS), name="pool", protocol=protocol, ports=(port, port + 3),
        guest_ports=(port, port + 3),
    )  # fmt: skip
    opened = RoutedRule(
        id="open", network_id=HOME.id, direction=Direction.INGRESS, version=6, protocol=protocol
    )
    (edge,) = edges(1)
    assert isinstance(edge, Switch)
    records = [
        *tenant(), replace(edge, public_port=PUBLIC_PORT), *outside6(HOME),
        *pair(HOME, ("edge1", 1), ("edge1", 2), ("edge1", 3)), balancer, opened,
    ]  # fmt: skip
    behind = [member(host, seat) for seat, host in enumerate(members)]
    return Snapshot.of(*records, *behind)


def member(host: int, seat: int) -> Member:
    return Member(id=f"m{host}", balancer_id="pool", nic_id=nic(HOME, host).id, seat=seat)


class Site:
    """The switch over time, with what it tracks and has learnt."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.tracked = Connections()
        self.snapshot, self.tables = snapshot, compile_all(snapshot)["edge1"]

    def change(self, snapshot: Snapshot) -> None:
        """Other rules; what was learnt stays."""
        after = compile_all(snapshot)["edge1"]
        for entry in self.tables._flows.get(Table.CLIENTS, ()):
            if entry.priority:
                after.learn(self.tables.decode(entry))
        self.snapshot, self.tables = snapshot, after

    def forget(self) -> None:
        """Conntrack forgets what has paused."""
        self.tracked = Connections()

    def sent(self, packet: Packet) -> Packet | None:
        """As what a packet leaves; None: nowhere."""
        port = PLACES.get(packet["ipv6_src"], PUBLIC_PORT)
        start, tables = ("edge1", port), {"edge1": self.tables}
        found = trace(
            tables, Wires.of(self.snapshot), start, packet, first_live, connections={"edge1": self.tracked}
        )
        return found.exits[0][1] if found.exits else None

    def served_by(self, packet: Packet) -> int | None:
        """Whom a packet comes to, whose answer comes back as the balancer's."""
        arrived = self.sent(packet)
        if arrived is None:
            return None
        back = self.sent(answer(arrived))
        assert back is not None and back["ipv6_src"] == ADDRESS and back["ipv6_dst"] == packet["ipv6_src"]
        return arrived["ipv6_dst"]


def asking(source: int, protocol: int, port: int) -> Packet:
    """A word to the balancer, from outside or from the machine inside."""
    name = {TCP: "tcp", SCTP: "sctp"}[protocol]
    fields = {"eth_type": IPV6, "ip_dscp": 0, "ip_ecn": 0, "ip_frag": 0, "ip_ttl": 64, "ip_proto": protocol}
    ways = {"eth_dst": ROUTER, "eth_src": UPSTREAM, "vlan_vid": 0x1007, "vlan_pcp": 0}
    if source in PLACES:
        # The world's networks have their numbers in the order in which they come.
        machine = nic(HOME, {TEN: 10, ELEVEN: 11, INSIDE: 12}[source])
        ways = {"eth_dst": 0x0E5D00000001, "eth_src": mac_number(machine.mac)}
    ends = {"ipv6_src": source, "ipv6_dst": ADDRESS, f"{name}_src": 4000, f"{name}_dst": port}
    return Packet.from_fields({**fields, **ways, **ends}, bytes(20))


@pytest.mark.parametrize("client", [CLIENTS[0], INSIDE])
def test_who_asked_before_anybody_served_is_served_as_soon_as_anybody_does(client: int) -> None:
    site = Site(world(TCP, 80))
    packet = asking(client, TCP, 80)
    assert site.sent(packet) is None
    site.change(world(TCP, 80, 10))
    assert site.served_by(packet) == TEN and site.sent(asking(client, TCP, 79)) is None


@pytest.mark.parametrize("client", [CLIENTS[0], INSIDE])
def test_an_association_with_a_balancer_opens_no_other_ports(client: int) -> None:
    site = Site(world(SCTP, 2904, 10))
    assert site.served_by(asking(client, SCTP, 2905)) == TEN
    arrived = site.sent(asking(client, SCTP, 2907))
    assert arrived is not None and arrived["sctp_dst"] == 2907
    assert site.sent(asking(client, SCTP, 22)) is None and site.sent(asking(client, SCTP, 2908)) is None
    # What the member says from another port is no answer: inside it is the member's own word.
    other = site.sent(answer(arrived).replace(sctp_src=22))
    assert other is None if client != INSIDE else other is not None and other["ipv6_src"] == TEN


def test_members_of_sctp_may_ask_each_other() -> None:
    site = Site(world(SCTP, 2904, 10, 11))
    for _ in range(2):
        assert site.served_by(asking(TEN, SCTP, 2905)) == ELEVEN
        assert site.served_by(asking(ELEVEN, SCTP, 2905)) == TEN


def test_drained_sctp_members_have_their_clients_back_until_the_deadline() -> None:
    site = Site(world(SCTP, 2904, 10, 11))
    chosen = {client: site.served_by(asking(client, SCTP, 2905)) for client in CLIENTS}
    gone = site.snapshot.need(Member, "m10")
    draining = Draining(id="draining", balancer_id="pool", nic_id=gone.nic_id, mark=gone.mark, until=300)
    site.change(site.snapshot.change([Delete(Member, "m10"), Put(draining)]))
    site.forget()
    assert {client: site.served_by(asking(client, SCTP, 2905)) for client in CLIENTS} == chosen
    assert {Site(site.snapshot).served_by(asking(client, SCTP, 2905)) for client in CLIENTS} == {ELEVEN}
    site.change(site.snapshot.change([Delete(Draining, "draining")]))
    site.forget()
    assert {site.served_by(asking(client, SCTP, 2905)) for client in CLIENTS} == {ELEVEN}


def test_pools_of_sctp_that_grow_move_no_client_that_is_remembered() -> None:
    site = Site(world(SCTP, 2904, 10))
    assert {site.served_by(asking(client, SCTP, 2905)) for client in CLIENTS[:20]} == {TEN}
    site.change(site.snapshot.change([Put(member(11, 1))]))
    site.forget()
    assert {site.served_by(asking(client, SCTP, 2905)) for client in CLIENTS[:20]} == {TEN}
    assert ELEVEN in {site.served_by(asking(client, SCTP, 2905)) for client in CLIENTS[20:]}


def test_what_has_no_ports_is_not_translated_where_somebody_has_the_answers() -> None:
    """As Open vSwitch 3.1 was seen to do: the packet goes on as it is, and nothing is known of it."""
    tracked = Connections()
    ends = {"ip_proto": SCTP, "ipv4_src": 1, "sctp_src": 5, "sctp_dst": 6}
    direct = tracked.look_up(Track(5, 1, commit=True), {**ends, "ipv4_dst": 9}, b"")
    assert direct.state & ConnectionState.NEW
    to = Track(5, 1, commit=True, to=Translate(Side.DESTINATION, 9), mark=7)
    for _ in range(2):
        found = tracked.look_up(to, {**ends, "ipv4_dst": 8}, b"")
        assert found.state == ConnectionState.NEW | ConnectionState.TRACKED and not found.changes
    fresh = Connections()
    assert fresh.look_up(to, {**ends, "ipv4_dst": 8}, b"").changes["ipv4_dst"] == 9


@pytest.mark.parametrize("client", [CLIENTS[0], INSIDE])
def test_sctp_members_that_speak_first_speak_for_the_balancer(client: int) -> None:
    """A member may be the first to say something after conntrack has forgotten an association."""
    out = RoutedRule(id="all out", network_id=HOME.id, direction=Direction.EGRESS, version=6, protocol=SCTP)
    site = Site(world(SCTP, 2904, 10, 11).change([Put(out)]))
    packet = asking(client, SCTP, 2905)
    arrived = site.sent(packet)
    assert arrived is not None
    chosen, heartbeat = arrived["ipv6_dst"], answer(arrived)
    site.forget()
    for _ in range(2):
        heard = site.sent(heartbeat)
        assert heard is not None and (heard["ipv6_src"], heard["ipv6_dst"]) == (ADDRESS, client)
        assert site.served_by(packet) == chosen


@pytest.mark.parametrize("client", [CLIENTS[0], INSIDE])
def test_sctp_clients_of_a_dead_member_get_another_one_with_their_next_word(client: int) -> None:
    site = Site(world(SCTP, 2904, 10, 11))
    packet = asking(client, SCTP, 2905)
    chosen = site.served_by(packet)
    check = HealthCheck(id="check", balancer_id="pool")
    dead = Failing(id="dead", member_id="m10" if chosen == TEN else "m11")
    site.change(site.snapshot.change([Put(check), Put(dead)]))
    assert site.served_by(packet) == (ELEVEN if chosen == TEN else TEN)
    # They stay there when it lives again.
    site.change(site.snapshot.change([Delete(Failing, "dead")]))
    assert site.served_by(packet) == (ELEVEN if chosen == TEN else TEN)
