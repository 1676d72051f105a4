"""LEAVE to INWARD for IPv6, and IPv4 of networks that are routed: at a gateway, between tenants' prefixes and
the outside, without translation, but for that of balancers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import NETWORK, RULES, Punt, Table, flow, public_network, punt
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages import judged
from sdn_orch.dataplane.stages.answer import LINK_LAYER_ADDRESS, answer_nd
from sdn_orch.dataplane.stages.connection import NEW
from sdn_orch.dataplane.stages.inward import spent, way
from sdn_orch.dataplane.stages.outward import by_next_hop
from sdn_orch.dataplane.stages.protocols import (
    ICMPV6,
    IPV4,
    IPV6,
    LATER_FRAGMENT,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    TAGGED,
    UNTAGGED,
)
from sdn_orch.dataplane.traffic import own_matches, prefix_fields
from sdn_orch.dataplane.views import Dialect, Fields, NetworkView, Site, UplinkView, tagging
from sdn_orch.intent.firewall import RoutedRule
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.routed import prefix_of
from sdn_orch.intent.traffic import Direction, TrafficRule
from sdn_orch.openflow.values import IN_PORT, Action, Match, Output, PopVlan, SetField, Track

_ETH_TYPES = {4: IPV4, 6: IPV6}
_ADVERTISEMENT: Fields = {
    "eth_type": IPV6,
    "ip_proto": ICMPV6,
    "icmpv6_type": NEIGHBOUR_ADVERTISEMENT,
    "icmpv6_code": 0,
}


def switch(site: Site, port: int) -> Iterator[Said]:
    """What comes from public networks with IPv6, and what their gateways say."""
    ranges = [one for one in site.world.snapshot.all(PublicRange) if one.gateway6 is not None]
    for vlan in sorted({one.vlan for one in ranges}, key=lambda vlan: vlan or 0):
        here: Fields = {"in_port": port, "vlan_vid": UNTAGGED if vlan is None else TAGGED | vlan}
        pop: tuple[Action, ...] = () if vlan is None else (PopVlan(),)
        inside = NETWORK.of(public_network(vlan))
        match = Match.of(eth_type=IPV6, **here)
        yield flow(Table.CLASSIFY, "public", match, pop, metadata=inside, goto=Table.ENTER)
        for kind in (NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
            match = Match.of(eth_type=IPV6, ip_proto=ICMPV6, icmpv6_type=kind, **here)
            yield flow(Table.CLASSIFY, "public neighbour", match, pop, metadata=inside, goto=Table.ANSWER)
        for upstream in sorted({int(one.gateway6 or 0) for one in ranges if one.vlan == vlan}):
            match = Match.of(metadata=inside, ipv6_nd_target=upstream, **_ADVERTISEMENT)
            yield punt(Table.ANSWER, "answer", match, Punt.UPSTREAM)
        match = Match.of(metadata=inside, **_ADVERTISEMENT)
        yield flow(Table.ANSWER_ND, "public", match, (LINK_LAYER_ADDRESS, *tagging(vlan), Output(IN_PORT)))
    for ttl in (0, 1):
        yield flow(Table.LEAVE, "spent", Match.of(eth_type=IPV6, ip_ttl=ttl))
    yield from spent(port, IPV6)
    yield flow(Table.ENTER, "forged", Match.of(eth_type=IPV6, ipv6_src=addresses.IPV6_LINK_LOCAL))
    match = Match.of(eth_type=IPV6, ct_state=NEW, ip_frag=LATER_FRAGMENT)
    yield flow(Table.EGRESS, "later fragment", match, goto=Table.SOURCE_NAT)


def router(uplink: UplinkView) -> Iterator[Said]:
    """Its address in the public network."""
    yield answer_nd(uplink.public, uplink.mac, uplink.address, is_router=True)


def network(network: NetworkView, uplink: UplinkView, dialect: Dialect) -> Iterator[Said]:
    """What may leave the network and come into it without a rule, and the ways of all that does."""
    version = uplink.upstream.version
    prefix = prefix_of(network.record, version)
    if prefix is None:
        return
    is_tier, eth_type = network.record.vpc_id is not None, _ETH_TYPES[version]
    here: Fields = {"metadata": network.local, "eth_type": eth_type}
    new: Fields = {**here, "ct_state": NEW}
    # What comes to balancers, and from their members, is translated.
    is_balanced = version == 6
    track = Track(uplink.zone, Table.EGRESS, translated=is_balanced)
    yield flow(Table.LEAVE, "network", Match.of(**here), (*network.judging, track))
    is_open = network.record.egress_open or is_tier
    if network.judged:
        yield from judged.default(network, eth_type, lets=is_open)
    else:
        yield flow(Table.EGRESS, "default", Match.of(**new), goto=Table.SOURCE_NAT if is_open else None)
    commit = (Track(uplink.zone, commit=True),)
    yield flow(Table.SOURCE_NAT, "new", Match.of(**new), commit, goto=Table.UPLINK)
    if uplink.next_hop is None:
        yield Refused(f"the way out: {uplink.upstream}, the gateway of its range, has not answered yet")
    else:
        actions = by_next_hop(uplink.mac, uplink.next_hop, uplink.tag, uplink.port)
        yield flow(Table.UPLINK, "routed", Match.of(**here), actions)
    outside: Fields = {"metadata": uplink.public, "eth_type": eth_type, "eth_dst": uplink.mac}
    within = prefix_fields("dst", prefix)
    # What is for a public IPv4 address stands under that one's rules, whoever says that he sends it.
    forged = {**prefix_fields("src", prefix), **(within if version == 4 else {})}
    yield flow(Table.ENTER, "forged", Match.of(**forged, **outside))
    track = Track(uplink.zone, Table.INGRESS, translated=is_balanced)
    enter = (SetField("metadata", *uplink.entry), track)
    yield flow(Table.ENTER, "routed", Match.of(**within, **outside), enter)
    match = Match.of(**within, **_begun(uplink))
    if is_tier:
        yield flow(Table.INGRESS, "vpc", match, goto=Table.DESTINATION_NAT)
    yield flow(Table.DESTINATION_NAT, "routed", match, commit, goto=Table.INWARD)
    if version == 6:
        yield way(network, "prefix", {"eth_type": IPV6, **within}, dialect)


def rule(
    network: NetworkView, uplink: UplinkView, rule: RoutedRule, said: Iterable[TrafficRule]
) -> Iterator[Said]:
    """What may pass, or what may not leave where all else may; but for what others have `said` there."""
    is_ingress = rule.direction is Direction.INGRESS
    lets = is_ingress or not network.record.egress_open
    if network.judged:
        here: Fields = {"metadata": network.routed, "eth_type": _ETH_TYPES[rule.version]}
        begun_in = Table.INGRESS if is_ingress else Table.EGRESS
        yield from judged.rule(rule, rule.slot, said, here, begun_in, lets=lets)
        return
    if is_ingress:
        for match in own_matches(rule, said, _begun(uplink)):
            yield flow(Table.INGRESS, RULES[rule.slot], match, goto=Table.DESTINATION_NAT)
        return
    new: Fields = {"metadata": network.local, "eth_type": _ETH_TYPES[rule.version], "ct_state": NEW}
    goto = Table.SOURCE_NAT if lets else None
    for match in own_matches(rule, said, new):
        yield flow(Table.EGRESS, RULES[rule.slot], match, goto=goto)


def _begun(uplink: UplinkView) -> Fields:
    """What begins a connection with a machine of the router."""
    return {"metadata": uplink.router, "eth_type": _ETH_TYPES[uplink.upstream.version], "ct_state": NEW}
