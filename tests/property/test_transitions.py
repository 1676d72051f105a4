"""On the way from one state to another, no network is more open than in both.

A switch is stopped after any number of its plan's operations, while all others hold the old rules still, or
the new ones already. A frame that then leaves by a port must be one that its sender may send before or after,
and the port must belong, before or after, to the sender's network or one that is routed with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.plan import diff
from sdn_orch.dataplane.simulate import explore
from sdn_orch.dataplane.wires import End, Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.admission import refuse
from sdn_orch.intent.direct import others
from sdn_orch.intent.gateways import realm_of
from sdn_orch.intent.model import Arrival, Attachment, Link, Network, Nic, Switch, SwitchRole
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.validate import faults
from sdn_orch.openflow.values import OPENFLOW_15, State
from tests.property.clouds import Cloud, make_cloud, with_arrivals
from tests.property.packets import Packets
from tests.property.steps import apply

SEEDS = st.integers(0, 2**48)


def change(random: Random, cloud: Cloud) -> list[Change]:
    """One thing that happens: a NIC goes, moves, stops, gets other addresses; a link or network goes."""
    snapshot = cloud.snapshot
    attachment = random.choice(list(snapshot.all(Attachment)))
    nic = snapshot.need(Nic, attachment.nic_id)
    edges = [switch.id for switch in snapshot.all(Switch) if switch.role == SwitchRole.EDGE]
    links = list(snapshot.all(Link))
    kind = random.choice(
        ("go", "leave", "stop", "move", "move", "address", "mac", "network", "replace", "link", "arrive")
    )
    arrivals = list(snapshot.all(Arrival))
    if kind == "arrive" and arrivals:
        return came(snapshot, random.choice(arrivals))
    if kind == "go":
        return [Delete(Attachment, attachment.id), *forget(snapshot, nic)]
    if kind == "leave":
        return [Delete(Attachment, attachment.id)]
    if kind == "stop":
        return [Put(replace(nic, active=not nic.active))]
    if kind == "move":
        return [
            Put(replace(attachment, switch_id=random.choice(edges), port=random.randint(20, 22), vlan=None))
        ]
    if kind == "address" and nic.ipv4 is not None:
        return [Put(replace(nic, ipv4=nic.ipv4 + 50, secondary4=()))]
    if kind == "mac":
        return [Put(replace(nic, mac="06:00:00:00:77:01"))]
    if kind == "replace":
        # Another network's NIC takes the port over at once.
        others = [other for other in snapshot.all(Nic) if other.network_id != nic.network_id]
        if others:
            other = random.choice(others)
            taken = snapshot.where(Attachment, "nic_id", other.id)
            gone: list[Change] = [Delete(Attachment, found.id) for found in (attachment, *taken)]
            return [*gone, Put(replace(attachment, id="new", nic_id=other.id))]
    if kind == "network":
        networks = [n for n in snapshot.all(Network) if n.vpc_id is None]
        network = random.choice(networks)
        nics = snapshot.where(Nic, "network_id", network.id)
        places = [at for each in nics for at in snapshot.where(Attachment, "nic_id", each.id)]
        deletes: list[Change] = [Delete(Attachment, at.id) for at in places]
        gone_nics = (one for each in nics for one in forget(snapshot, each))
        return [*deletes, *gone_nics, Delete(Network, network.id)]
    if kind == "link" and links:
        link = random.choice(links)
        return [Put(replace(link, up=False))]
    return [Delete(Attachment, attachment.id)]


def forget(snapshot: Snapshot, nic: Nic) -> list[Change]:
    """A NIC goes, wherever it is awaited."""
    awaited = [Delete(Arrival, arrival.id) for arrival in snapshot.where(Arrival, "nic_id", nic.id)]
    return [*awaited, Delete(Nic, nic.id)]


def came(snapshot: Snapshot, arrival: Arrival) -> list[Change]:
    """A NIC has come where it was awaited, or is not awaited there any more."""
    there = snapshot.first(Attachment, "nic_id", arrival.nic_id)
    if there is None or not arrival.admitted:
        return [Delete(Arrival, arrival.id)]
    left = replace(arrival, switch_id=there.switch_id, port=there.port, admitted=False)
    return [Put(replace(there, switch_id=arrival.switch_id, port=arrival.port, vlan=None)), Put(left)]


def networks_at(snapshots: Sequence[Snapshot], end: End, vlan_vid: int | None) -> frozenset[str]:
    """The networks that a place belongs to in any of these snapshots."""
    vlan = None if vlan_vid is None else vlan_vid & 0xFFF
    return frozenset(
        snapshot.need(Nic, at.nic_id).network_id
        for snapshot in snapshots
        for at in (*snapshot.where(Attachment, "ports", end), *awaited_at(snapshot, end))
        if at.vlan == vlan and snapshot.need(Nic, at.nic_id).active
    )


def awaited_at(snapshot: Snapshot, end: End) -> Iterator[Attachment]:
    """The NICs that may send from there as they are about to come."""
    for arrival in snapshot.where(Arrival, "ports", end):
        there = snapshot.first(Attachment, "nic_id", arrival.nic_id)
        if there is not None and arrival.admitted:
            yield replace(there, switch_id=end[0], port=end[1], vlan=None)


def realm(snapshots: Sequence[Snapshot], networks: frozenset[str]) -> frozenset[str]:
    """These networks and those that are routed with them in any of these snapshots."""
    return networks | frozenset(
        tier.id
        for snapshot in snapshots
        for id in networks
        if (network := snapshot.get(Network, id)) is not None
        for tier in realm_of(snapshot, network)
    )


def is_admitted(snapshots: Sequence[Snapshot], end: End, vlan_vid: int | None, packet: Packet) -> bool:
    """Whether any NIC at a place may send a frame in any of these snapshots."""
    vlan = None if vlan_vid is None else vlan_vid & 0xFFF
    return any(
        refuse(
            network := snapshot.need(Network, nic.network_id),
            nic,
            others(snapshot, network, nic, packet),
            packet,
        )
        is None
        for snapshot in snapshots
        for at in (*snapshot.where(Attachment, "ports", end), *awaited_at(snapshot, end))
        if at.vlan == vlan and (nic := snapshot.need(Nic, at.nic_id)).active
    )


def compile_states(snapshot: Snapshot) -> dict[str, State]:
    """The state of every switch, by id."""
    world = World.of(snapshot)
    return {switch.id: compile_switch(world, switch.id).state for switch in snapshot.all(Switch)}


@given(SEEDS)
def test_no_state_between_is_more_open(seed: int) -> None:
    random = Random(seed)
    cloud = with_arrivals(random, make_cloud(random))
    if not cloud.nics:
        return
    changes = change(random, cloud)
    if faults(cloud.snapshot, changes):
        return
    after = cloud.snapshot.change(changes)
    old, new = compile_states(cloud.snapshot), compile_states(after)
    if random.random() < 0.3:
        # A switch that came back empty.
        old[random.choice(list(old))] = State.empty()
    tables_old = {id: Tables(state, OPENFLOW_15) for id, state in old.items()}
    tables_new = {id: Tables(state, OPENFLOW_15) for id, state in new.items()}
    changing = [id for id in old if diff(new[id], old[id], OPENFLOW_15)]
    if not changing:
        return
    switch_id = random.choice(changing)
    operations = list(diff(new[switch_id], old[switch_id], OPENFLOW_15))
    assert apply(old[switch_id], operations) == new[switch_id]
    wires = Wires.of(cloud.snapshot)
    clouds = [each for each in (cloud, Cloud(after, cloud.shape, cloud.transport)) if each.nics]
    senders = [(each, Packets(each, random, forgery=0.05)) for each in clouds]
    for _ in range(4):
        stop = random.randint(1, len(operations))
        middle = Tables(apply(old[switch_id], operations[:stop]), OPENFLOW_15)
        others = random.choice((tables_old, tables_new))
        between = {**others, switch_id: middle}
        for _ in range(12):
            at, packets = random.choice(senders)
            nic = random.choice(at.nics)
            place = random.choice(at.places(nic))
            packet = packets.make(nic)
            if place.vlan is not None and "vlan_vid" in packet:
                continue
            vlan_vid = None if place.vlan is None else 0x1000 | place.vlan
            sent = packet if vlan_vid is None else packet.replace(vlan_vid=vlan_vid, vlan_pcp=0)
            start = (place.switch_id, place.port)
            both = (cloud.snapshot, after)
            mine = realm(both, networks_at(both, start, vlan_vid))
            for trace in explore(between, wires, start, sent, 16):
                said = (
                    f"{changes}\n{stop} of {len(operations)} on {switch_id}\n{nic}\n{packet}\n{trace.exits}"
                )
                assert not trace.looped
                assert not trace.exits or is_admitted(both, start, vlan_vid, packet), said
                for end, left in trace.exits:
                    assert mine & networks_at(both, end, left.get("vlan_vid")), said
