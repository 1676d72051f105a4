"""Where a network cuts connections: forwarded ports, and what belongs to a connection and ends with it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.lookup import ALWAYS, Tables
from sdn_orch.dataplane.pipeline import JUDGED, Table
from sdn_orch.dataplane.simulate import first_live, trace
from sdn_orch.dataplane.views import NetworkView
from sdn_orch.dataplane.wires import Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network
from sdn_orch.intent.packet import IPV4, TCP, UDP, Packet
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.openflow.values import ConnectionState
from tests.golden.worlds import WORLDS
from tests.property.compiled import compile_all
from tests.property.outside import answer

INSIDE, FAR, CLIENT = (int(IPv4Address(it)) for it in ("10.1.0.10", "192.0.2.80", "198.51.100.7"))
SHARED, OWN = (int(IPv4Address(it)) for it in ("203.0.113.10", "203.0.113.11"))
PORT, UPSTREAM, ROUTER = 9, 0x525400000001, 0x0E5D02000001
RELATED = int(ConnectionState.TRACKED | ConnectionState.RELATED)
REPLY = int(ConnectionState.REPLY)


def passes(snapshot: Snapshot, table: Table, state: int, protocol: int, port: int) -> bool:
    """Whether something in this state may pass that belongs to what a machine began with this port."""
    world = World.of(snapshot)
    tables = Tables(compile_switch(world, "edge1").state, 6)
    network = NetworkView.of(world, snapshot.need(Network, "blue"))
    began = {"ct_nw_proto": protocol, "ct_nw_src": INSIDE, "ct_nw_dst": FAR, "ct_tp_dst": port}
    here = {"metadata": network.entry[0] | JUDGED.of(1)[0], "eth_type": IPV4, "ip_frag": 0, "ip_proto": TCP}
    entry = tables.match(table, dict.fromkeys(ALWAYS, 0) | here | began | {"ct_state": state})
    return entry is not None and tables.decode(entry).goto is not None


def lets_out(snapshot: Snapshot, protocol: int, port: int) -> Snapshot:
    """With an egress rule about nothing but this."""
    return snapshot.change(
        [Put(replace(snapshot.need(EgressRule, "out"), protocol=protocol, ports=(port, port)))]
    )


def test_errors_about_a_connection_pass_as_long_as_it_may_begin() -> None:
    here = Snapshot.of(*WORLDS["gateway-cuts"])
    for protocol, port in ((UDP, 53), (TCP, 80)):
        allowed = lets_out(here, protocol, port)
        assert passes(allowed, Table.INGRESS, RELATED | REPLY, protocol, port)
        assert passes(allowed, Table.EGRESS, RELATED, protocol, port)
        assert not passes(allowed, Table.INGRESS, RELATED | REPLY, protocol, port + 1)
        assert not passes(allowed, Table.INGRESS, RELATED, protocol, port), "nobody outside began it"


@pytest.mark.parametrize("state", [RELATED, RELATED | REPLY])
@pytest.mark.parametrize("table", [Table.EGRESS, Table.INGRESS])
def test_data_of_ftp_pass_whoever_began_them_as_long_as_their_session_may(table: Table, state: int) -> None:
    """They may go either way, and Open vSwitch tells how the session was begun that announced them."""
    here = Snapshot.of(*WORLDS["gateway-cuts"])
    state |= int(ConnectionState.ESTABLISHED)
    assert passes(lets_out(here, TCP, 21), table, state, TCP, 21)
    assert not passes(lets_out(here, TCP, 22), table, state, TCP, 21)
    is_open = replace(here.need(Network, "blue"), egress_open=True)
    assert passes(lets_out(here, TCP, 22).change([Put(is_open)]), table, state, TCP, 21)
    assert not passes(lets_out(here, TCP, 21).change([Put(is_open)]), table, state, TCP, 21)


def arriving(source: int, destination: int) -> Packet:
    """What comes from outside for port 80 of an address."""
    fields = {"eth_dst": ROUTER, "eth_src": UPSTREAM, "vlan_vid": 0x1007, "vlan_pcp": 0, "eth_type": IPV4}
    fields |= {"ip_dscp": 0, "ip_ecn": 0, "ip_frag": 0, "ip_ttl": 64, "ip_proto": TCP}
    return Packet.from_fields(
        {**fields, "ipv4_src": source, "ipv4_dst": destination, "tcp_src": 4000, "tcp_dst": 80}, bytes(20)
    )


def sent(snapshot: Snapshot, tracked: Connections, port: int, packet: Packet) -> list[Packet]:
    """As what a packet leaves the switch that comes to one of its ports."""
    tables, wires = compile_all(snapshot), Wires.of(snapshot)
    found = trace(tables, wires, ("edge1", port), packet, first_live, connections={"edge1": tracked})
    return [left for _, left in found.exits]


@pytest.mark.parametrize("cuts", [True, False])
@pytest.mark.parametrize(
    "changed",
    [
        None,
        {"private": (9090, 9090)},
        {"guest": IPv4Address("10.1.0.11")},
        {"public": (81, 81)},
        {"sources": (IPv4Network("198.51.100.128/25"),)},
    ],
)
def test_what_was_forwarded_goes_on_only_as_long_as_it_would_be(
    changed: dict[str, Any] | None, cuts: bool
) -> None:
    before = Snapshot.of(*WORLDS["gateway-cuts"])
    before = before.change([Put(replace(before.need(Network, "blue"), cuts_connections=cuts))])
    tracked, packet = Connections(), arriving(CLIENT, SHARED)
    (arrived,) = sent(before, tracked, PORT, packet)
    assert (arrived["ipv4_dst"], arrived["tcp_dst"]) == (INSIDE, 8080)
    assert [each["ipv4_src"] for each in sent(before, tracked, 1, answer(arrived))] == [SHARED]
    forward = before.need(Forward, "web")
    change: Change = Delete(Forward, "web") if changed is None else Put(replace(forward, **changed))
    for after, goes_on in ((before.change([change]), not cuts), (before, True)):
        assert bool(sent(after, tracked, PORT, packet)) == goes_on
        assert bool(sent(after, tracked, 1, answer(arrived))) == goes_on


def test_a_static_nat_that_is_disabled_ends_what_it_let_in() -> None:
    rule = FirewallRule(id="own", address_id="own", protocol=TCP)
    here = Snapshot.of(*WORLDS["gateway-cuts"]).change([Put(rule)])
    tracked, packet = Connections(), arriving(FAR, OWN)
    (arrived,) = sent(here, tracked, PORT, packet)
    assert arrived["ipv4_dst"] == INSIDE
    assert [each["ipv4_src"] for each in sent(here, tracked, 1, answer(arrived))] == [OWN]
    disabled = replace(here.need(PublicAddress, "own"), nic_id=None, guest=None)
    after = here.change([Put(disabled)])
    assert not sent(after, tracked, PORT, packet)
    assert not sent(after, tracked, 1, answer(arrived))
