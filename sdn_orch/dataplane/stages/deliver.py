"""DELIVER: out of the receiver's port."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import TURNED, GroupKind, Table, flow, group_number
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages import limit
from sdn_orch.dataplane.stages.protocols import TAGGED
from sdn_orch.dataplane.views import NetworkView, NicView, Site
from sdn_orch.openflow.values import (
    IN_PORT,
    Action,
    ApplyGroup,
    Bucket,
    Group,
    GroupType,
    Match,
    Output,
    PushVlan,
    SetField,
)


def nic(nic: NicView) -> Iterator[Said]:
    """The NIC's port; where the packet came in only what was answered or routed here."""
    port, before = nic.place.port, (*limit.received(nic), *_tag(nic.place.vlan))
    network, network_mask = nic.network.local
    turned, turned_mask = TURNED.of(1)
    back = Match.of(in_port=port, metadata=(network | turned, network_mask | turned_mask), eth_dst=nic.mac)
    yield flow(Table.DELIVER, "turned", back, (*before, Output(IN_PORT)))
    match = Match.of(metadata=nic.network.local, eth_dst=nic.mac)
    yield flow(Table.DELIVER, "nic", match, (*before, Output(port)))


def network(site: Site, network: NetworkView) -> Iterator[Said]:
    """Every port of the network on this switch."""
    number = group_number(GroupKind.LOCAL_FLOOD, network.number)
    yield Group(number, GroupType.ALL, local_buckets(site, network))


def flood(network: NetworkView) -> Iterator[Said]:
    """Group addresses that arrive go to every port of the network on this switch."""
    number = group_number(GroupKind.LOCAL_FLOOD, network.number)
    match = Match.of(metadata=network.local, eth_dst=addresses.GROUP_BIT)
    yield flow(Table.DELIVER, "flood", match, (ApplyGroup(number),))


def local_buckets(site: Site, network: NetworkView) -> tuple[Bucket, ...]:
    """One bucket per port (and VLAN of a trunk) that has NICs of the network.

    What is flooded before a NIC has come would wait for it there, and be old by then.
    """
    places: dict[tuple[int, int | None], None] = {}
    for nic_id in site.world.nics_at(site.switch.id, network.record.id):
        place = site.world.place_at(nic_id, site.switch.id)
        if place is not None and not place.is_ahead:
            places[place.port, place.vlan] = None
    ordered = sorted(places, key=lambda place: (place[0], place[1] or 0))
    return tuple(Bucket((*_tag(vlan), Output(port))) for port, vlan in ordered)


def _tag(vlan: int | None) -> tuple[Action, ...]:
    return () if vlan is None else (PushVlan(), SetField("vlan_vid", TAGGED | vlan))
