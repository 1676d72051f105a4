"""A cloud compiled and simulated: what really happens to a frame, in the terms of the intent."""

from __future__ import annotations

from collections.abc import Iterable

import networkx

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Punt, punt_of
from sdn_orch.dataplane.simulate import Trace, explore
from sdn_orch.dataplane.wires import End, Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Arrival, Attachment, Link, Nic, Switch
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.verdict import OUTSIDE, Answer, Service, Verdict
from sdn_orch.southbound.strictness import refuse_flow

_PUNTS = {
    Service.DISCOVERY: Punt.DISCOVERY,
    Service.DHCP4: Punt.DHCP4,
    Service.DHCP6: Punt.DHCP6,
    Service.DNS: Punt.DNS,
    Service.ROUTER_SOLICITATION: Punt.ROUTER_SOLICITATION,
    Service.TIME_EXCEEDED: Punt.TTL_EXCEEDED,
    Service.TOO_BIG: Punt.TOO_BIG,
    Service.METADATA: Punt.METADATA,
    Service.CHECK: Punt.CHECK,
}
Received = frozenset[tuple[str, Packet]]


def compile_all(snapshot: Snapshot) -> dict[str, Tables]:
    """The tables of every switch, by id; none of their flows is one that a switch would refuse."""
    world = World.of(snapshot)
    found: dict[str, Tables] = {}
    for switch in snapshot.all(Switch):
        state, capabilities = compile_switch(world, switch.id).state, switch.capabilities
        tables = found[switch.id] = Tables(
            state, capabilities.version, open_vswitch=capabilities.open_vswitch
        )
        for flow in map(tables.decode, state.flows.values()):
            assert refuse_flow(flow, state.groups, state.meters, capabilities) is None, flow
    return found


def send(
    snapshot: Snapshot,
    tables: dict[str, Tables],
    wires: Wires,
    nic: Nic,
    packet: Packet,
    limit: int = 24,
    place: Attachment | None = None,
) -> list[Trace]:
    """Every trace that a frame of a NIC can have, one per choice of ECMP; by default from where that is."""
    attachment = place or snapshot.where(Attachment, "nic_id", nic.id)[0]
    if attachment.vlan is not None:
        if "vlan_vid" in packet:
            return []  # two tags: not a packet that can be said here
        packet = packet.replace(vlan_vid=0x1000 | attachment.vlan, vlan_pcp=0)
    return list(explore(tables, wires, (attachment.switch_id, attachment.port), packet, limit))


def received(snapshot: Snapshot, trace: Trace) -> Received:
    """Which NICs got which frames; a frame that left by a port where nobody is has the NIC id "?"."""
    found: set[tuple[str, Packet]] = set()
    for end, packet in trace.exits:
        if snapshot.need(Switch, end[0]).public_port == end[1]:
            found.add((OUTSIDE, packet))
            continue
        vlan = packet.get("vlan_vid")
        plain = packet.without("vlan_vid", "vlan_pcp")
        nics = [
            nic.id
            for nic in _nics_at(snapshot, end, None if vlan is None else vlan & 0xFFF)
            if packet.is_multicast or mac_number(nic.mac) == packet["eth_dst"]
        ]
        found |= {(nic_id, plain) for nic_id in nics or ["?"]}
    return frozenset(found)


def _nics_at(snapshot: Snapshot, end: End, vlan: int | None) -> Iterable[Nic]:
    for attachment in snapshot.where(Attachment, "ports", end):
        nic = snapshot.need(Nic, attachment.nic_id)
        if attachment.vlan == vlan and nic.active:
            yield nic
    for arrival in snapshot.where(Arrival, "ports", end):
        nic = snapshot.need(Nic, arrival.nic_id)
        if arrival.admitted and vlan is None and nic.active:
            yield nic


def speaker(snapshot: Snapshot, nic: Nic, packet: Packet, place: Attachment | None = None) -> Nic:
    """For whom a switch takes the sender: NICs at one place are told apart by their MAC address only."""
    for at in (place,) if place else snapshot.where(Attachment, "nic_id", nic.id):
        for other in _nics_at(snapshot, (at.switch_id, at.port), at.vlan):
            if mac_number(other.mac) == packet["eth_src"]:
                return other
    return nic


def reasons(trace: Trace) -> set[Punt]:
    """Why the controller gets a packet."""
    return {punt_of(punt.table, punt.metadata) for hop in trace.hops for punt in hop.outcome.punts}


def disagreement(
    snapshot: Snapshot, nic: Nic, meant: Verdict, trace: Trace, *, is_awaited: bool = False
) -> str:
    """How a trace differs from what is meant, or nothing.

    Of what comes in where a NIC is awaited the controller gets a copy.
    """
    got = received(snapshot, trace)
    if trace.looped:
        return "it loops"
    if len(trace.exits) != len(set(trace.exits)):
        return "a frame left twice by one port"
    why = reasons(trace)
    if is_awaited and meant.answer != Answer(Service.DISCOVERY):
        if Punt.FIRST_PACKET not in why:
            return "the controller does not hear of it"
        why.remove(Punt.FIRST_PACKET)
    punted = bool(why)
    if meant.answer is None:
        if got != meant.received:
            return f"received by {_names(got - meant.received)} beyond, not by {_names(meant.received - got)}"
        return "the controller gets it" if punted else ""
    reply = meant.answer.reply
    if reply is None:
        if not punted or got:
            return f"not (only) sent to the controller: {punted=}, {_names(got)}"
        expected_reason = {_PUNTS[meant.answer.service]}
        return "" if why == expected_reason else f"sent up for another reason: {why}"
    expected = frozenset({(nic.id, reply)})
    if punted or got != expected:
        return f"answer differs: {punted=}, got {got - expected}, missing {expected - got}"
    return ""


def _names(frames: Received) -> str:
    return (
        ", ".join(f"{nic_id}: {packet}" for nic_id, packet in sorted(frames, key=lambda each: each[0]))
        or "nobody"
    )


def graph_of(snapshot: Snapshot) -> networkx.MultiGraph:
    """Switches and links, for asking what is connected to what."""
    graph = networkx.MultiGraph()
    graph.add_nodes_from(switch.id for switch in snapshot.all(Switch))
    for link in snapshot.all(Link):
        graph.add_edge(link.a_switch_id, link.b_switch_id, key=link.id)
    return graph
