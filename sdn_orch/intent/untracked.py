"""What a gateway that tracks no connections makes of one packet between a tenant's network and the outside.

A part of `meaning`, as `outside` is for gateways that do.
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.gateways import rival
from sdn_orch.intent.outside import Conversations, Words, members_at, under, within, words_of
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.stateless import needs_state, unbalanced


def enters(snapshot: Snapshot, address: PublicAddress, packet: Packet, memory: Conversations) -> Packet | str:
    """A packet to a public address with its destination inside; or why it does not come in.

    Whom a source comes to of a balancer's members, `memory` may choose: it is to be the same one each time.
    """
    if reason := needs_state(snapshot, address):
        return f"{reason}: that needs connection tracking"
    if address.guest is not None:
        return packet.replace(ipv4_dst=int(address.guest))
    words = words_of(packet)
    for balancer in _balancers(snapshot, address):
        if words is not None and balancer.takes(words.protocol, words.destination[1]):
            if not within(4, packet["ipv4_src"], balancer.sources):
                return "the balancer is not for whoever sent it"
            members = members_at(snapshot, balancer, words.destination[1])
            return under(packet, memory.choose(members), "dst") if members else "no member lives"
    return "the address leads to nobody"


def leaves(snapshot: Snapshot, router_id: str, packet: Packet) -> Packet | str:
    """A packet from inside with its public source; or why it does not leave."""
    words = words_of(packet)
    for address in snapshot.where(PublicAddress, "router_id", router_id):
        if needs_state(snapshot, address) or rival(snapshot, address) is not None:
            continue
        if address.guest is not None and int(address.guest) == packet["ipv4_src"]:
            return packet.replace(ipv4_src=int(address.address))
        for balancer in _balancers(snapshot, address):
            if words is not None and (port := _answered(snapshot, balancer, words)) is not None:
                return under(packet, (int(address.address), port), "src")
    return "there is no address to go out under"


def _balancers(snapshot: Snapshot, address: PublicAddress) -> Iterator[Balancer]:
    for balancer in snapshot.where(Balancer, "address_id", address.id):
        if unbalanced(snapshot, balancer) is None:
            yield balancer


def _answered(snapshot: Snapshot, balancer: Balancer, words: Words) -> int | None:
    """The port of a balancer in whose name a member answers; None if it does not."""
    peer, own = words.destination, words.source
    port = balancer.ports[0] + own[1] - balancer.guest_ports[0]
    is_for = balancer.takes(words.protocol, port) and within(4, peer[0], balancer.sources)
    return port if is_for and own in members_at(snapshot, balancer, port) else None
