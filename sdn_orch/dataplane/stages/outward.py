"""LEAVE, EGRESS, SOURCE_NAT and UPLINK: at a gateway, from a tenant's network to a public one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sdn_orch.dataplane import addresses, label
from sdn_orch.dataplane.pipeline import NO_PORT, RULES, Table, flow
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages import judged
from sdn_orch.dataplane.stages.connection import ANNOUNCED, INVALID, KNOWN_OR_TRANSLATED, NEW
from sdn_orch.dataplane.stages.protocols import FTP, IPV4, LATER_FRAGMENT, TAGGED, TCP
from sdn_orch.dataplane.traffic import own_matches
from sdn_orch.dataplane.views import AddressView, Fields, NetworkView, Site
from sdn_orch.intent.firewall import EgressRule
from sdn_orch.intent.model import Transport
from sdn_orch.intent.traffic import TrafficRule
from sdn_orch.openflow.values import (
    Action,
    DecrementTtl,
    Match,
    Output,
    PopVlan,
    SetField,
    Side,
    Track,
    Translate,
    Untrack,
)


def switch() -> Iterator[Said]:
    """What belongs to a connection that was let through goes on; what should and does not is dropped.

    Those of balancers go on by their members' leave, see `balance`.
    """
    for ttl in (0, 1):
        yield flow(Table.LEAVE, "spent", Match.of(eth_type=IPV4, ip_ttl=ttl))
    yield flow(Table.EGRESS, "invalid", Match.of(ct_state=INVALID))
    match = Match.of(eth_type=IPV4, ct_state=NEW, ip_frag=LATER_FRAGMENT)
    yield flow(Table.EGRESS, "later fragment", match, goto=Table.SOURCE_NAT)
    yield from judged.known(Table.EGRESS)
    for state in KNOWN_OR_TRANSLATED:
        yield flow(Table.SOURCE_NAT, "known", Match.of(ct_state=state, ct_mark=0), goto=Table.UPLINK)


def network(network: NetworkView, zone: int) -> Iterator[Said]:
    """What goes out under public addresses; and by the egress rules what of it may."""
    here: Fields = {"metadata": network.local, "eth_type": IPV4}
    track = Track(zone, Table.EGRESS, translated=True)
    yield flow(Table.LEAVE, "network", Match.of(**here), (*network.judging, track))
    match, track = Match.of(ct_state=ANNOUNCED, **here), replace(track, table=Table.UPLINK, commit=True)
    yield flow(Table.EGRESS, "announced", match, (track,))
    is_open = network.record.egress_open or network.record.vpc_id is not None
    if network.judged:
        yield from judged.default(network, IPV4, lets=is_open)
        return
    new: Fields = {**here, "ct_state": NEW}
    yield flow(Table.EGRESS, "default", Match.of(**new), goto=Table.SOURCE_NAT if is_open else None)


def rule(network: NetworkView, rule: EgressRule, said: Iterable[TrafficRule]) -> Iterator[Said]:
    """What may leave, or may not where all else may, but for what others have `said` at its priority."""
    is_open = network.record.egress_open
    if network.judged:
        here: Fields = {"metadata": network.routed, "eth_type": IPV4}
        yield from judged.rule(rule, rule.slot, said, here, Table.EGRESS, lets=not is_open)
        return
    new: Fields = {"metadata": network.local, "eth_type": IPV4, "ct_state": NEW}
    goto = None if is_open else Table.SOURCE_NAT
    for match in own_matches(rule, said, new):
        yield flow(Table.EGRESS, RULES[rule.slot], match, goto=goto)


def from_edges(site: Site, network: NetworkView) -> Iterator[Said]:
    """What other edges send here to go out."""
    if site.dialect.transport is Transport.LABEL:
        own = label.to_outside(site.switch.number, network.number), label.DESTINATION_MASK
        match = Match.of(eth_dst=own)
        yield flow(Table.ARRIVE, "nic", match, metadata=network.entry, goto=Table.LEAVE)
        return
    fields: dict[str, int] = {"eth_dst": addresses.way_out_mac(site.switch.number)}
    actions: tuple[Action, ...] = ()
    if site.switch.underlay is None:
        return
    if site.dialect.transport is Transport.VXLAN:
        fields["tunnel_id"] = network.record.effective_vni
    elif network.record.vlan is None:
        return
    else:
        fields["vlan_vid"], actions = TAGGED | network.record.vlan, (PopVlan(),)
    match = Match.of(in_port=site.switch.underlay, **fields)
    yield flow(Table.CLASSIFY, "way out", match, actions, metadata=network.entry, goto=Table.LEAVE)


def address(address: AddressView) -> Iterator[Said]:
    """Its source NAT, or that of the NIC that has it alone; and the way out under it."""
    if address.guest is not None:
        inside: Fields = {"metadata": address.router, "eth_type": IPV4, "ipv4_src": address.guest}
        own = SetField("ipv4_src", address.address)
        actions: tuple[Action, ...] = (Track(address.zone, commit=True), own)
        yield flow(
            Table.SOURCE_NAT, "new static", Match.of(ct_state=NEW, **inside), actions, goto=Table.UPLINK
        )
        yield flow(Table.SOURCE_NAT, "static", Match.of(**inside), (own,), goto=Table.UPLINK)
    elif address.record.is_source_nat:
        new: Fields = {"metadata": address.router, "eth_type": IPV4, "ct_state": NEW}
        track = Track(address.zone, Table.UPLINK, commit=True, to=Translate(Side.SOURCE, address.address))
        yield flow(Table.SOURCE_NAT, "new", Match.of(**new), (track,))
        match = Match.of(**new, ip_proto=TCP, tcp_dst=FTP)
        yield flow(Table.SOURCE_NAT, "new announcing", match, (replace(track, alg=FTP),))
    turn = Match.of(eth_type=IPV4, ipv4_dst=address.address)
    # It may have to leave where it came in.
    back = (Untrack(), SetField("in_port", NO_PORT))
    yield flow(Table.UPLINK, "turn", turn, back, metadata=address.public, goto=Table.ENTER)
    yield from uplink(address)


def uplink(address: AddressView) -> Iterator[Said]:
    """What has it as its source goes to the gateway of its range."""
    if address.next_hop is None:
        yield Refused(f"the way out: {address.upstream}, the gateway of its range, has not answered yet")
        return
    out: Mapping[str, int | tuple[int, int]] = {"metadata": address.router, "ipv4_src": address.address}
    actions = by_next_hop(address.mac, address.next_hop, address.tag, address.port)
    yield flow(Table.UPLINK, "address", Match.of(eth_type=IPV4, **out), actions)


def by_next_hop(mac: int, next_hop: int, tag: tuple[Action, ...], port: int) -> tuple[Action, ...]:
    """Out of a router's MAC address to that of its next hop, behind the tag of the network there."""
    return (DecrementTtl(), SetField("eth_src", mac), SetField("eth_dst", next_hop), *tag, Output(port))
