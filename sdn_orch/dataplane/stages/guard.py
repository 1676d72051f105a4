"""FROM_GUARD and FROM_STATE, TO_GUARD and TO_STATE: whose packets stand under rules, and what they belong to.

At the NIC's own edge, which both directions of its connections pass, in a zone of its place: an answer may
pass where a first word may not. Plain switches know no connections: there each packet is judged alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdn_orch.dataplane.pipeline import POLICY, POLICY_JUDGES_ALL, ZONE, Table, flow
from sdn_orch.dataplane.places import Place
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.connection import INVALID, KNOWN, NEW
from sdn_orch.dataplane.stages.direct import Lent
from sdn_orch.dataplane.stages.protocols import (
    ICMPV6,
    IPV4,
    IPV6,
    LATER_FRAGMENT,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    ROUTER_SOLICITATION,
    WHOLE,
)
from sdn_orch.dataplane.stages.route import questions
from sdn_orch.dataplane.views import Dialect, Fields, NetworkView, NicView
from sdn_orch.intent.policy import Policy, PolicyKind
from sdn_orch.openflow.values import Match, SetField, Track

#: The zones of places: those of access ports, and above them those of VLANs behind trunk ports.
_PORT_ZONES, _VLAN_ZONES = 0x8000, 0xC000


def zone_of(place: Place) -> int:
    """The zone of a place in its switch; routers' zones are below all of these."""
    return _PORT_ZONES | place.port if place.vlan is None else _VLAN_ZONES | place.vlan


def policy_number(policy: Policy) -> int:
    """What a packet that stands under a policy has in its register."""
    return (POLICY_JUDGES_ALL if policy.cuts else 0) | policy.kind << 28 | policy.number


def switch(dialect: Dialect) -> Iterator[Said]:
    """What belongs to a connection that was let through goes on, what begins one is judged by the rules."""
    yield flow(Table.FROM_GUARD, "other", Match.of(), goto=Table.ANSWER)
    yield flow(Table.TO_GUARD, "other", Match.of(), goto=Table.DELIVER)
    for kind in (ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
        match = Match.of(eth_type=IPV6, ip_proto=ICMPV6, icmpv6_type=kind)
        yield flow(Table.FROM_GUARD, "exempt", match, goto=Table.ANSWER)
    if not dialect.open_vswitch:
        return
    for table, rules, onward in (
        (Table.FROM_STATE, Table.FROM_RULES, Table.ANSWER),
        (Table.TO_STATE, Table.TO_RULES, Table.DELIVER),
    ):
        yield flow(table, "invalid", Match.of(ct_state=INVALID))
        for state in KNOWN:
            match = Match.of(ct_state=state, **{POLICY: (0, POLICY_JUDGES_ALL)})
            yield flow(table, "known", match, goto=onward)
        match = Match.of(**{POLICY: (POLICY_JUDGES_ALL, POLICY_JUDGES_ALL)})
        yield flow(table, "judged", match, goto=rules)
        for eth_type in (IPV4, IPV6):
            # They wait in conntrack for the first one, which tells its ports; if that may not pass, for ever.
            match = Match.of(ct_state=NEW, eth_type=eth_type, ip_frag=LATER_FRAGMENT)
            yield flow(table, "later fragment", match, (Track(ZONE, commit=True),), goto=onward)
        yield flow(table, "new", Match.of(ct_state=NEW), goto=rules)


def network(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    """Its gateway may always be spoken to; a list of rules is about what goes on from there.

    Security groups are about that too, but for questions for names: whoever may not ask could not use what
    is open to it.
    """
    here: Fields = {"metadata": network.local}
    if network.record.acl_id is None:
        if dialect.open_vswitch:
            for asking in questions(network):
                match = Match.of(eth_dst=network.gateway_mac, ip_frag=WHOLE, **here, **asking)
                yield flow(Table.FROM_GUARD, "exempt", match, goto=Table.ANSWER)
        return
    if network.record.gateway4 is not None:
        match = Match.of(eth_type=IPV4, ipv4_dst=int(network.record.gateway4), **here)
        yield flow(Table.FROM_GUARD, "exempt", match, goto=Table.ANSWER)
    for address in network.gateways6:
        match = Match.of(eth_type=IPV6, ipv6_dst=address, **here)
        yield flow(Table.FROM_GUARD, "exempt", match, goto=Table.ANSWER)


def tier(network: NetworkView) -> Iterator[Said]:
    """On plain switches: what its router takes from a tier and gives it, packet by packet."""
    for eth_type in (IPV4, IPV6):
        here: Fields = {"metadata": network.local, "eth_type": eth_type}
        sent = Match.of(eth_dst=network.gateway_mac, **here)
        yield flow(Table.FROM_GUARD, "tier", sent, goto=Table.FROM_RULES)
        got = Match.of(eth_src=network.gateway_mac, **here)
        yield flow(Table.TO_GUARD, "tier", got, goto=Table.TO_RULES)


def nic(nic: NicView, policy: Policy, lent: Sequence[Lent]) -> Iterator[Said]:
    """What it sends and receives, or only what its router takes from it and gives it.

    The address of a balancer with direct return is `lent` to several NICs, of which some may have one place,
    and so one zone: what one was asked is nothing that another one may be sent. Still both directions are
    looked up, or TCP's states would not be known.
    """
    only_routed = policy.kind is PolicyKind.LIST
    number = SetField(POLICY, policy_number(policy))
    look_up = (SetField(ZONE, zone_of(nic.place)), number)
    sent: Fields = {"in_port": nic.place.port, "metadata": nic.network.local, "eth_src": nic.mac}
    got: Fields = {"metadata": nic.network.local, "eth_dst": nic.mac}
    if only_routed:
        sent["eth_dst"] = got["eth_src"] = nic.network.gateway_mac
    for eth_type in (IPV4, IPV6):
        actions = (*look_up, Track(ZONE, Table.FROM_STATE))
        yield flow(Table.FROM_GUARD, "nic", Match.of(eth_type=eth_type, **sent), actions)
        actions = (*look_up, Track(ZONE, Table.TO_STATE))
        yield flow(Table.TO_GUARD, "nic", Match.of(eth_type=eth_type, **got), actions)
    for each in lent:
        for said in each.at("src"):
            actions = (*look_up, Track(ZONE, Table.ANSWER))
            yield flow(Table.FROM_GUARD, "direct", Match.of(**sent, **said), actions)
        for asked in each.at("dst"):
            actions = (*look_up, Track(ZONE, Table.TO_RULES))
            yield flow(Table.TO_GUARD, "direct", Match.of(**got, **asked), actions)
