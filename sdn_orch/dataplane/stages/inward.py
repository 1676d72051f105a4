"""ENTER, INGRESS, DESTINATION_NAT and INWARD: at a gateway, from a public network to a tenant's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.dataplane.pipeline import (
    NETWORK,
    RULES,
    Punt,
    Table,
    flow,
    forwarded_label,
    public_network,
    punt,
)
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages import judged
from sdn_orch.dataplane.stages.answer import answer_arp
from sdn_orch.dataplane.stages.connection import ANNOUNCED, INVALID, KNOWN_OR_TRANSLATED, NEW
from sdn_orch.dataplane.stages.protocols import (
    ARP,
    ARP_REPLY,
    ECHO_REPLY,
    ECHO_REQUEST,
    FTP,
    ICMP,
    IPV4,
    TAGGED,
    TCP,
    UNTAGGED,
)
from sdn_orch.dataplane.stages.route import into
from sdn_orch.dataplane.traffic import own_matches, port_matches, prefix_fields
from sdn_orch.dataplane.views import AddressView, Dialect, Fields, NetworkView, Site
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.forwards import MOST_SHIFTED, Forward
from sdn_orch.intent.public import PUBLIC_MTU
from sdn_orch.intent.routes import next_hops
from sdn_orch.intent.traffic import TrafficRule, translations
from sdn_orch.openflow.values import (
    IN_PORT,
    Action,
    CopyField,
    Match,
    Output,
    PopVlan,
    SetField,
    Side,
    Track,
    Translate,
)

_TTL = 64


def public(site: Site, port: int) -> Iterator[Said]:
    """What comes from networks outside; next hops there say what their MAC addresses are."""
    upstream: dict[int | None, set[int]] = {}
    for vlan, hop in next_hops(site.world.snapshot):
        upstream.setdefault(vlan, set()).add(int(hop))
    for vlan in sorted(upstream, key=lambda vlan: vlan or 0):
        tag = UNTAGGED if vlan is None else TAGGED | vlan
        pop: tuple[Action, ...] = () if vlan is None else (PopVlan(),)
        inside = NETWORK.of(public_network(vlan))
        for eth_type, goto in ((ARP, Table.ANSWER), (IPV4, Table.ENTER)):
            match = Match.of(in_port=port, vlan_vid=tag, eth_type=eth_type)
            yield flow(Table.CLASSIFY, "public", match, pop, metadata=inside, goto=goto)
        for hop_address in sorted(upstream[vlan]):
            match = Match.of(metadata=inside, eth_type=ARP, arp_op=ARP_REPLY, arp_spa=hop_address)
            yield punt(Table.ANSWER, "answer", match, Punt.UPSTREAM)


def switch(port: int) -> Iterator[Said]:
    """What belongs to a connection that was let through goes on; what should and does not is dropped.

    Those of balancers go on by their members' leave, see `balance`.
    """
    yield from spent(port, IPV4)
    yield flow(Table.INGRESS, "invalid", Match.of(ct_state=INVALID))
    yield from judged.known(Table.INGRESS)
    for state in KNOWN_OR_TRANSLATED:
        yield flow(Table.DESTINATION_NAT, "known", Match.of(ct_state=state, ct_mark=0), goto=Table.INWARD)


def spent(port: int, eth_type: int) -> Iterator[Said]:
    """Who sends from outside is told that the hops are spent; to whom, the controller finds out."""
    for ttl in (0, 1):
        match = Match.of(in_port=port, eth_type=eth_type, ip_ttl=ttl)
        yield punt(Table.ENTER, "spent", match, Punt.TTL_EXCEEDED)


def network(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    """Destinations in it are in it."""
    prefix = network.record.ipv4
    if prefix is not None:
        yield way(network, "prefix", {"eth_type": IPV4, **prefix_fields("dst", prefix)}, dialect)


def way(network: NetworkView, priority: str, inside: Fields, dialect: Dialect) -> Said:
    """What is for these destinations goes into a network, if it fits in there."""
    found = into(network, PUBLIC_MTU, dialect)
    if isinstance(found, Refused):
        return found
    match = Match.of(metadata=network.routed, **inside)
    return flow(Table.INWARD, priority, match, found[0], metadata=network.local, goto=found[1])


def address(address: AddressView) -> Iterator[Said]:
    """Who has it, what may come in to it, and whom that is for."""
    yield answer_arp(address.public, address.mac, address.address, (*address.tag, Output(IN_PORT)))
    outside = Match.of(metadata=address.public, eth_type=IPV4, ipv4_dst=address.address)
    actions: tuple[Action, ...] = (
        SetField("metadata", *address.entry),
        Track(address.zone, Table.INGRESS, translated=True),
    )
    if address.guest is not None:
        actions = (SetField("ipv4_dst", address.guest), *actions)
    yield flow(Table.ENTER, "address", outside, actions)
    yield from judged.cut(address)
    new = begun(address)
    if address.record.vpc_id is not None:
        yield flow(Table.INGRESS, "vpc", Match.of(**new), goto=Table.DESTINATION_NAT)
    if address.guest is not None:
        known = Track(address.zone, commit=True)
        yield flow(Table.DESTINATION_NAT, "static", Match.of(**new), (known,), goto=Table.INWARD)
        return
    track = Track(address.zone, Table.INWARD, translated=True, commit=True)
    yield flow(Table.INGRESS, "announced", Match.of(**new | {"ct_state": ANNOUNCED}), (track,))
    yield _echo(address, new)


def begun(address: AddressView) -> Fields:
    """What begins a connection with the address, which is known as its NIC's by then if it has one alone."""
    return {"metadata": address.router, "eth_type": IPV4, "ct_state": NEW, "ipv4_dst": address.known_as}


def rule(address: AddressView, rule: FirewallRule, said: Iterable[TrafficRule]) -> Iterator[Said]:
    """What may come in, but for what others have `said` at its priority. A VPC has lists instead."""
    if address.judged:
        here: Fields = {"metadata": address.router, "eth_type": IPV4, "ct_nw_dst": address.known_as}
        yield from judged.rule(rule, rule.slot, said, here, Table.INGRESS, lets=True)
    elif address.record.vpc_id is None:
        for match in own_matches(rule, said, begun(address)):
            yield flow(Table.INGRESS, RULES[rule.slot], match, goto=Table.DESTINATION_NAT)


def forward(address: AddressView, forward: Forward) -> Iterator[Said]:
    """One port of the address leads to one of the NIC; where both ranges are the same it need not be said."""
    if address.guest is not None:
        return
    first, last = forward.public
    if forward.public != forward.private and last - first >= MOST_SHIFTED:
        yield Refused(f"{last - first + 1} ports lead to other ones, at most {MOST_SHIFTED} may")
        return
    new = begun(address)
    sources = forward.sources or (None,)
    for ports, port in translations(forward.public, forward.private):
        to = Translate(Side.DESTINATION, int(forward.guest), port)
        alg = FTP if (forward.protocol, ports) == (TCP, (FTP, FTP)) else 0
        label = forwarded_label(to.address, port)
        actions = (Track(address.zone, Table.INWARD, commit=True, to=to, alg=alg, label=label),)
        for match in port_matches(new, forward.protocol, ports, sources):
            yield flow(Table.DESTINATION_NAT, "forward", match, actions)
        if any(forward.guest in prefix for prefix in address.cuts):
            yield from judged.forwarded(address, label, forward.protocol, ports, sources)


def _echo(address: AddressView, new: Fields) -> Said:
    """Answered on the spot to whoever is outside."""
    match = Match.of(in_port=address.port, **new, ip_proto=ICMP, icmpv4_type=ECHO_REQUEST, icmpv4_code=0)
    actions = (
        CopyField("eth_src", "eth_dst", 48),
        SetField("eth_src", address.mac),
        CopyField("ipv4_src", "ipv4_dst", 32),
        SetField("ipv4_src", address.address),
        SetField("ip_ttl", _TTL),
        SetField("icmpv4_type", ECHO_REPLY),
        *address.tag,
        Output(IN_PORT),
    )
    return flow(Table.DESTINATION_NAT, "echo", match, actions)
