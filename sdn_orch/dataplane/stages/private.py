"""Private gateways of VPCs: at the gateway, to a network outside that is not public, and from it.

A private gateway has a zone of its own. The number of the zone stands in the packet's register from LEAVE or
ENTER on, and so tells its packets from those between the VPC and public networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from sdn_orch.dataplane.pipeline import (
    NETWORK,
    POLICY,
    POLICY_JUDGES_ALL,
    ROUTER,
    ZONE,
    Table,
    flow,
    public_network,
)
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages.answer import answer_arp
from sdn_orch.dataplane.stages.connection import ANYBODY, KNOWN_OR_TRANSLATED, NEW
from sdn_orch.dataplane.stages.guard import policy_number
from sdn_orch.dataplane.stages.outward import by_next_hop
from sdn_orch.dataplane.stages.protocols import IPV4, LATER_FRAGMENT
from sdn_orch.dataplane.traffic import prefix_fields
from sdn_orch.dataplane.views import Fields, NetworkView, tagging
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclList
from sdn_orch.intent.gateways import router_number
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Vpc
from sdn_orch.intent.policy import is_open, list_policy
from sdn_orch.intent.private import cut_at
from sdn_orch.intent.routing import ZONES, PrivateGateway, PrivateHop, StaticRoute
from sdn_orch.openflow.values import (
    IN_PORT,
    Action,
    Match,
    Output,
    SetField,
    Side,
    Track,
    Translate,
)


@dataclass(frozen=True, slots=True)
class PrivateView:
    """A private gateway at a switch's public port; `policy` is its list's number, if that closes anything.

    `cuts` are its tiers that cut connections, each as what matches its packets and where its machines are.
    `tag` puts a packet into its network, `hops` are the MAC addresses of the next hops that have answered.
    """

    record: PrivateGateway
    inside: IPv4Network
    router: tuple[int, int]
    public: tuple[int, int]
    zone: int
    mac: int
    port: int
    tag: tuple[Action, ...]
    policy: int | None
    cuts: tuple[tuple[tuple[int, int], tuple[IPv4Network, ...]], ...]
    hops: dict[IPv4Address, int]

    @classmethod
    def of(cls, world: World, record: PrivateGateway, port: int) -> PrivateView:
        """The view of a record."""
        snapshot, policy = world.snapshot, None
        vpc = snapshot.need(Vpc, record.vpc_id)
        if record.acl_id is not None and not is_open(snapshot, record.acl_id):
            policy = policy_number(list_policy(snapshot.need(AclList, record.acl_id)))
        known = snapshot.where(PrivateHop, "gateway_id", record.id)
        return cls(
            record,
            vpc.ipv4,
            ROUTER.of(router_number(snapshot, vpc.id)),
            NETWORK.of(public_network(record.vlan)),
            ZONES + record.number,
            mac_number(record.router_mac),
            port,
            tagging(record.vlan),
            policy,
            tuple((NetworkView.of(world, tier).local, inside) for tier, inside in cut_at(snapshot, record)),
            {hop.address: mac_number(hop.mac) for hop in known},
        )


def gateway(gateway: PrivateView) -> Iterator[Said]:
    """Who has its address, and who may begin in each direction."""
    address = int(gateway.record.address)
    yield answer_arp(gateway.public, gateway.mac, address, (*gateway.tag, Output(IN_PORT)))
    yield from _outward(gateway)
    yield from _inward(gateway)
    if gateway.policy is not None and gateway.cuts:
        yield from _judged(gateway)
    yield from way(gateway, "neighbours", gateway.record.ipv4, gateway.record.gateway)


def route(gateway: PrivateView, route: StaticRoute) -> Iterator[Said]:
    """What is behind it."""
    yield from way(gateway, "route", route.prefix, route.next_hop)


def way(gateway: PrivateView, priority: str, prefix: IPv4Network, by: IPv4Address) -> Iterator[Said]:
    """Destinations in a prefix go out there by a next hop."""
    inside: Fields = {"eth_type": IPV4, **prefix_fields("dst", prefix)}
    track = Track(gateway.zone, Table.EGRESS, translated=True)
    match = Match.of(metadata=gateway.router, **inside)
    yield flow(Table.LEAVE, priority, match, (*_marked(gateway), track))
    if by not in gateway.hops:
        yield Refused(f"the way out: {by}, the next hop, has not answered yet")
        return
    actions = by_next_hop(gateway.mac, gateway.hops[by], gateway.tag, gateway.port)
    yield flow(Table.UPLINK, priority, Match.of(**{ZONE: gateway.zone}, **inside), actions)


def _outward(gateway: PrivateView) -> Iterator[Said]:
    """Its rules decide what begins; under its address if it has source NAT."""
    here: Fields = {ZONE: gateway.zone, "eth_type": IPV4}
    onward = Table.SOURCE_NAT if gateway.policy is None else Table.EGRESS_RULES
    yield flow(Table.EGRESS, "private", Match.of(ct_state=NEW, **here), goto=onward)
    to = Translate(Side.SOURCE, int(gateway.record.address)) if gateway.record.source_nat else None
    track = Track(gateway.zone, Table.UPLINK, commit=True, to=to)
    yield flow(Table.SOURCE_NAT, "new private", Match.of(ct_state=NEW, **here), (track,))
    for state in KNOWN_OR_TRANSLATED:
        yield flow(Table.SOURCE_NAT, "known private", Match.of(ct_state=state, **here), goto=Table.UPLINK)


def _inward(gateway: PrivateView) -> Iterator[Said]:
    """What is for its MAC address is for the VPC, unless it says that it comes from there."""
    own: Fields = {"metadata": gateway.public, "eth_dst": gateway.mac, "eth_type": IPV4}
    yield flow(Table.ENTER, "forged", Match.of(**own, **prefix_fields("src", gateway.inside)))
    track = Track(gateway.zone, Table.INGRESS, translated=True)
    actions = (SetField("metadata", *gateway.router), *_marked(gateway), track)
    yield flow(Table.ENTER, "private", Match.of(**own), actions)
    new: Fields = {ZONE: gateway.zone, "eth_type": IPV4, "ct_state": NEW}
    known = (Track(gateway.zone, commit=True),)
    if gateway.policy is None:
        yield flow(Table.INGRESS, "private", Match.of(**new), known, goto=Table.INWARD)
        return
    later = Match.of(**new, ip_frag=LATER_FRAGMENT)
    yield flow(Table.INGRESS, "private later fragment", later, known, goto=Table.INWARD)
    yield flow(Table.INGRESS, "private", Match.of(**new), goto=Table.INGRESS_RULES)


def _judged(gateway: PrivateView) -> Iterator[Said]:
    """Of tiers that cut connections each packet is judged, as the one that began its connection."""
    here: Fields = {ZONE: gateway.zone, "eth_type": IPV4}
    later = Match.of(**here, ct_state=NEW, ip_frag=LATER_FRAGMENT)
    yield flow(Table.EGRESS, "private later fragment", later, goto=Table.SOURCE_NAT)
    here["ct_state"] = ANYBODY
    judging = (SetField(POLICY, POLICY_JUDGES_ALL, POLICY_JUDGES_ALL),)
    for local, inside in gateway.cuts:
        match = Match.of(metadata=local, **here)
        yield flow(Table.EGRESS, "private judged", match, judging, goto=Table.EGRESS_RULES)
        for prefix in inside:
            match = Match.of(**here, **prefix_fields("dst", prefix))
            yield flow(Table.INGRESS, "private judged", match, judging, goto=Table.INGRESS_RULES)


def _marked(gateway: PrivateView) -> tuple[Action, ...]:
    return SetField(ZONE, gateway.zone), SetField(POLICY, gateway.policy or 0)
