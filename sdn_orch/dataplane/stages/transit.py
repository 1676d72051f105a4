"""TRANSIT: by which port a frame leaves for another switch.

On the shortest paths with their loads shared; by a detour where all of these are dead. A packet's path only
ever goes up (shortest, first detour, second detour), and the graph of each path has no loop, so it arrives
or is dropped. A fabric switch does the same in CLASSIFY.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sdn_orch.dataplane import addresses, label
from sdn_orch.dataplane.pipeline import GroupKind, Table, flow, group_number
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.views import Site
from sdn_orch.intent.model import Switch, Transport
from sdn_orch.openflow.values import Action, ApplyGroup, Bucket, Group, GroupType, Match, Output, SetField


def switch(site: Site) -> Iterator[Said]:
    """The underlay's port; routed frames get a source of their own on a VLAN underlay."""
    port, transport = site.switch.underlay, site.dialect.transport
    if port is None or transport is Transport.LABEL:
        return
    yield flow(Table.TRANSIT, "underlay", Match.of(), (Output(port),))
    if transport is Transport.VLAN:
        # Else the underlay would learn each gateway's MAC address on every switch's port in turn.
        own = SetField("eth_src", addresses.edge_mac(site.switch.number))
        match = Match.of(eth_src=addresses.ANY_GATEWAY)
        yield flow(Table.TRANSIT, "routed", match, (own, Output(port)))


def way_to(site: Site, destination: Switch) -> Iterator[Said]:
    """The ways of all labels for another switch."""
    way = site.world.topology.way(site.switch.number, destination.number)
    if way is None:
        return
    first = _detour(label.FIRST_DETOUR, way.first_detour)
    second = _detour(label.SECOND_DETOUR, way.second_detour)
    # Only Open vSwitch can rewrite the path in a label, or send back where a packet came in.
    can_turn = site.dialect.open_vswitch
    shortest = _plain(tuple(port for port, _ in way.shortest))
    if len(way.shortest) > 1 and site.switch.capabilities.group_select:
        number = group_number(GroupKind.EQUAL_COST, destination.number)
        yield Group(number, GroupType.SELECT, _shares(way.shortest))
        shortest = _Choice(
            (Bucket((ApplyGroup(number),), watch_group=number),), tuple(port for port, _ in way.shortest)
        )
    plain_first, plain_second = _plain(way.first_detour), _plain(way.second_detour)
    choices = (
        (label.PRIMARY, GroupKind.TRANSIT, shortest.then(first).then(second) if can_turn else shortest),
        (label.FIRST_DETOUR, GroupKind.FIRST_DETOUR, plain_first.then(second) if can_turn else plain_first),
        (label.SECOND_DETOUR, GroupKind.SECOND_DETOUR, plain_second),
    )
    table, priority = (Table.TRANSIT, "label") if site.is_edge else (Table.CLASSIFY, "transit")
    for path, kind, choice in choices:
        actions = choice.buckets[0].actions
        if len(choice.buckets) > 1 and site.switch.capabilities.group_fast_failover:
            number = group_number(kind, destination.number)
            yield Group(number, GroupType.FAST_FAILOVER, choice.buckets)
            actions = (ApplyGroup(number),)
        match = Match.of(eth_dst=(label.way(path, destination.number), label.WAY_MASK))
        yield flow(table, priority, match, actions)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What to try in turn, and the ports that are used up by it."""

    buckets: tuple[Bucket, ...]
    ports: tuple[int, ...]

    def then(self, other: _Choice) -> _Choice:
        """This, and then what the other has at ports that are not tried yet."""
        more = [
            (bucket, port)
            for bucket, port in zip(other.buckets, other.ports, strict=True)
            if port not in self.ports
        ]
        return _Choice(
            (*self.buckets, *(bucket for bucket, _ in more)), (*self.ports, *(port for _, port in more))
        )


# Most of a switch's ways leave by the same few ports: their buckets are made once, not for every destination.


@lru_cache(maxsize=4096)
def _shares(ports: tuple[tuple[int, int], ...]) -> tuple[Bucket, ...]:
    """One bucket a port, with its weight."""
    return tuple(Bucket((Output(port),), weight, watch_port=port) for port, weight in ports)


@lru_cache(maxsize=4096)
def _plain(ports: tuple[int, ...]) -> _Choice:
    """These ports in turn, without a change to the packet."""
    return _Choice(tuple(Bucket((Output(port),), watch_port=port) for port in ports), ports)


@lru_cache(maxsize=4096)
def _detour(path: int, ports: tuple[int, ...]) -> _Choice:
    """Change to a path and send, also where the packet came in: the way back may be the only one."""
    change: tuple[Action, ...] = (
        SetField("in_port", 0),
        SetField("eth_dst", label.path_bits(path), label.PATH_MASK),
    )
    return _Choice(tuple(Bucket((*change, Output(port)), watch_port=port) for port in ports), ports)
