"""FORWARD: which switch a receiver is on, and all switches and ports that a flooded frame goes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.dataplane import addresses, label
from sdn_orch.dataplane.pipeline import GroupKind, Table, flow, group_number
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages.deliver import local_buckets
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6, TAGGED
from sdn_orch.dataplane.views import Dialect, NetworkView, NicView, Site
from sdn_orch.intent.model import Switch, SwitchRole, Transport
from sdn_orch.openflow.values import (
    Action,
    ApplyGroup,
    Bucket,
    Group,
    GroupType,
    Match,
    Output,
    PushVlan,
    Resubmit,
    SetField,
)


def switch() -> Iterator[Said]:
    """What is not somewhere else is here, or nowhere."""
    yield flow(Table.FORWARD, "local", Match.of(), goto=Table.BACK)


def remote_nic(nic: NicView, dialect: Dialect) -> Iterator[Said]:
    """The way to a NIC on another switch, even if it is about to come to this one."""
    match = Match.of(metadata=nic.network.local, eth_dst=nic.mac)
    refusal = _unreachable(nic.network, nic.switch, dialect)
    if refusal:
        yield Refused(refusal)
        yield flow(Table.FORWARD, "nic", match)
        return
    actions: tuple[Action, ...]
    if dialect.transport is Transport.LABEL:
        actions = (SetField("eth_dst", label.to_nic(nic.switch.number, nic.record.number)),)
    else:
        actions = _into_underlay(nic.network, nic.switch, dialect)
    yield flow(Table.FORWARD, "nic", match, actions, goto=Table.TRANSIT)


def way_out(
    network: NetworkView, gateway: Switch, dialect: Dialect, eth_types: Iterable[int], *, is_here: bool
) -> Iterator[Said]:
    """To the gateway with what is for none of the router's networks."""
    way = to_gateway(network, gateway, dialect, is_here=is_here)
    if isinstance(way, Refused):
        yield way
        return
    actions, goto = way
    for eth_type in eth_types:
        match = Match.of(metadata=network.local, eth_type=eth_type)
        yield flow(Table.ROUTE, "outside", match, actions, goto=goto)


def to_gateway(
    network: NetworkView, gateway: Switch, dialect: Dialect, *, is_here: bool
) -> tuple[tuple[Action, ...], Table] | Refused:
    """How a packet in a network gets to the gateway."""
    if is_here:
        return (), Table.LEAVE
    if refusal := _unreachable(network, gateway, dialect):
        return Refused(refusal)
    if dialect.transport is Transport.LABEL:
        return (SetField("eth_dst", label.to_outside(gateway.number, network.number)),), Table.TRANSIT
    way = SetField("eth_dst", addresses.way_out_mac(gateway.number))
    return (way, *_into_underlay(network, gateway, dialect)), Table.TRANSIT


def network(site: Site, network: NetworkView) -> Iterator[Said]:
    """Every port of the network, once each."""
    number = group_number(GroupKind.FLOOD, network.number)
    buckets = (*local_buckets(site, network), *_remote_buckets(site, network))
    yield Group(number, GroupType.ALL, buckets)


def flood(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    """Group addresses go to every port of the network."""
    members = ApplyGroup(group_number(GroupKind.FLOOD, network.number))
    if dialect.transport is not Transport.LABEL:
        yield _flood(network, "flood", members, eth_dst=addresses.GROUP_BIT)
        return
    # A label leaves no room for the group address: it is made of the IP destination where the frame arrives.
    yield _flood(network, "flood", members, eth_dst=addresses.BROADCAST)
    yield _flood(network, "flood", members, eth_dst=addresses.GROUP_BIT, eth_type=IPV4)
    yield _flood(network, "flood", members, eth_dst=addresses.GROUP_BIT, eth_type=IPV6)
    if network.is_l2:
        local = ApplyGroup(group_number(GroupKind.LOCAL_FLOOD, network.number))
        yield _flood(network, "local flood", local, eth_dst=addresses.GROUP_BIT)


def _flood(network: NetworkView, priority: str, action: Action, **fields: int | tuple[int, int]) -> Said:
    return flow(Table.FORWARD, priority, Match.of(metadata=network.local, **fields), (action,))


def _unreachable(network: NetworkView, switch: Switch, dialect: Dialect) -> str:
    """Why a switch cannot be reached in a network, or nothing."""
    if switch.transport is not dialect.transport:
        return f"the way to switch {switch.name}: it has the {switch.transport} transport"
    if dialect.transport is Transport.VXLAN:
        if not dialect.open_vswitch:
            return "tunnels need Open vSwitch"
        if switch.tunnel_address is None:
            return f"the way to switch {switch.name}: it has no tunnel address"
    if dialect.transport is Transport.VLAN and network.record.vlan is None:
        return f"network {network.record.name} has no VLAN for the underlay"
    return ""


def _into_underlay(network: NetworkView, switch: Switch, dialect: Dialect) -> tuple[Action, ...]:
    if dialect.transport is Transport.VXLAN and switch.tunnel_address is not None:
        vni = SetField("tunnel_id", network.record.effective_vni)
        return (vni, SetField("tun_dst", int(switch.tunnel_address)))
    return (PushVlan(), SetField("vlan_vid", TAGGED | (network.record.vlan or 0)))


def _remote_buckets(site: Site, network: NetworkView) -> Iterator[Bucket]:
    for switch_id in site.world.members(network.record.id):
        other = site.world.snapshot.need(Switch, switch_id)
        if switch_id == site.switch.id or other.role is not SwitchRole.EDGE:
            continue
        if _unreachable(network, other, site.dialect):
            continue
        if site.dialect.transport is Transport.LABEL:
            yield from _label_bucket(site, network, other)
        elif site.switch.underlay is not None:
            into = _into_underlay(network, other, site.dialect)
            yield Bucket((*into, Output(site.switch.underlay)))
            if site.dialect.transport is Transport.VLAN:
                return


def _label_bucket(site: Site, network: NetworkView, other: Switch) -> Iterator[Bucket]:
    if site.dialect.open_vswitch:
        # The same on every switch, so that there need not be more than one of it.
        key = ("flood", other.id, network.record.id)
        found = site.world.recall(key, Bucket)
        yield found or site.world.remember(key, Bucket((_relabel(network, other), _SEND)))
        return
    # Without coming back from TRANSIT, the first of the shortest ways must do until it is compiled anew.
    way = site.world.topology.way(site.switch.number, other.number)
    if way is not None:
        yield Bucket((_relabel(network, other), Output(way.shortest[0][0])))


_SEND = Resubmit(Table.TRANSIT)


def _relabel(network: NetworkView, other: Switch) -> SetField:
    return SetField("eth_dst", label.to_network(other.number, network.number))
