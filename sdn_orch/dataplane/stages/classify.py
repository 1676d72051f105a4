"""CLASSIFY: which network a frame is in, or by which label it travels."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane import addresses, label
from sdn_orch.dataplane.pipeline import LLDP_METER, LLDP_PUNTS, REASON, Punt, Table, flow, punt
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages import limit
from sdn_orch.dataplane.stages.protocols import LLDP, TAGGED, UNTAGGED
from sdn_orch.dataplane.topology import is_node
from sdn_orch.dataplane.views import NetworkView, NicView, Site
from sdn_orch.intent.model import Link, Transport
from sdn_orch.openflow.values import (
    CONTROLLER,
    NO_BUFFER,
    Clone,
    Match,
    Meter,
    Output,
    PopVlan,
    Resubmit,
    SetField,
    UseMeter,
)


def switch(site: Site) -> Iterator[Said]:
    """Link discovery on every port; labels on fabric ports; ports on which NICs are learnt."""
    send = Output(CONTROLLER, NO_BUFFER)
    actions = (UseMeter(LLDP_METER), send) if site.dialect.meters else (send,)
    yield flow(Table.CLASSIFY, "lldp", Match.of(eth_type=LLDP), actions)
    if site.dialect.meters:
        yield Meter(LLDP_METER, *LLDP_PUNTS)
    fabric_ports = _fabric_ports(site)
    if fabric_ports and is_node(site.switch) and not site.dialect.open_vswitch:
        yield Refused("detours around dead links: rewriting a part of a label needs Open vSwitch")
    if not site.is_edge:
        return
    if is_node(site.switch):
        own = label.way(label.PRIMARY, site.switch.number), label.SWITCH_MASK
        for port in fabric_ports:
            here = Match.of(in_port=port, eth_dst=own)
            yield flow(Table.CLASSIFY, "arrive", here, goto=Table.ARRIVE)
            passing = Match.of(in_port=port, eth_dst=label.ANY_LABEL)
            yield flow(Table.CLASSIFY, "transit", passing, goto=Table.TRANSIT)
    for port in site.switch.learn_ports:
        yield from learnt(port)


def learnt(port: int) -> Iterator[Said]:
    """What comes in there and is of nobody who is there may say that somebody is."""
    yield punt(Table.CLASSIFY, "learn", Match.of(in_port=port), Punt.FIRST_PACKET)


def nic(nic: NicView) -> Iterator[Said]:
    """What has the NIC's MAC address as its source, where the NIC is plugged in, is in its network.

    Where it is about to come to, the controller gets a copy, and knows by the first one that it has come.
    """
    port, vlan = nic.place.port, nic.place.vlan
    vlan_vid = UNTAGGED if vlan is None else TAGGED | vlan
    match = Match.of(in_port=port, vlan_vid=vlan_vid, eth_src=nic.mac)
    tag = () if vlan is None else (PopVlan(),)
    before = (*limit.sent(nic), *tag)
    if nic.place.is_ahead:
        # Last, so that what the port's meter stops are copies.
        on = Clone((SetField("metadata", *nic.network.entry), Resubmit(Table.SOURCE)))
        copy = (SetField("metadata", *REASON.of(Punt.FIRST_PACKET)), Resubmit(Table.PUNT))
        yield flow(Table.CLASSIFY, "nic", match, (*before, on, *copy))
        return
    yield flow(Table.CLASSIFY, "nic", match, before, metadata=nic.network.entry, goto=Table.SOURCE)


def network(site: Site, network: NetworkView) -> Iterator[Said]:
    """What comes from an underlay with the network's VNI or VLAN is in it."""
    port = site.switch.underlay
    if port is None or site.dialect.transport is Transport.LABEL:
        return
    if site.dialect.transport is Transport.VXLAN:
        if site.dialect.open_vswitch:
            match = Match.of(in_port=port, tunnel_id=network.record.effective_vni)
            yield flow(Table.CLASSIFY, "underlay", match, metadata=network.entry, goto=Table.BACK)
        return
    if network.record.vlan is None:
        return
    tagged = TAGGED | network.record.vlan
    yield flow(
        Table.CLASSIFY,
        "underlay",
        Match.of(in_port=port, vlan_vid=tagged),
        (PopVlan(),),
        metadata=network.entry,
        goto=Table.BACK,
    )
    if not network.is_l2:
        yield flow(
            Table.CLASSIFY,
            "routed underlay",
            Match.of(in_port=port, vlan_vid=tagged, eth_src=addresses.ANY_EDGE),
            (PopVlan(), SetField("eth_src", network.gateway_mac)),
            metadata=network.entry,
            goto=Table.BACK,
        )


def _fabric_ports(site: Site) -> list[int]:
    links = (
        link
        for field in ("a_switch_id", "b_switch_id")
        for link in site.world.snapshot.where(Link, field, site.switch.id)
    )
    return sorted({port for link in links for id, port in link.ports if id == site.switch.id})
