"""Balancers inside of networks, for one packet: to a member, and its answer back as the balancer's.

A part of `meaning`. The edge of whoever asks knows the conversations.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.balancing import obstacle
from sdn_orch.intent.direct import said_from_inside
from sdn_orch.intent.gateways import principal, realm_of, router_id
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.outside import (
    ONLY_ANSWERS,
    Conversations,
    asked_port,
    given_to,
    members_at,
    spoken_for,
    under,
    version_of,
    within,
    words_of,
)
from sdn_orch.intent.packet import SCTP, Packet
from sdn_orch.intent.snapshot import Snapshot


def inner_balancer(snapshot: Snapshot, networks: Iterable[Network], packet: Packet) -> Balancer | None:
    """The balancer at an address inside of one of these networks that such a packet is for."""
    words, version = words_of(packet), version_of(packet)
    if words is None:
        return None
    for network in networks:
        for balancer in snapshot.where(Balancer, "inner_network_id", network.id):
            is_at = (balancer.version, int(balancer.inner or 0)) == (version, words.destination[0])
            is_for = is_at and balancer.takes(words.protocol, asked_port(packet))
            if is_for and not obstacle(snapshot, balancer) and principal(snapshot, router_id(network)):
                return balancer
    return None


def to_member(
    snapshot: Snapshot, balancer: Balancer, place: str, packet: Packet, memory: Conversations
) -> Packet | str:
    """A packet to a balancer inside of a network, as it goes to a member; `place` is where it is known from.

    A member is given to another one: from itself it would not take an answer.
    """
    words = words_of(packet)
    if words is None:
        return "it belongs to no conversation"
    known = memory.outside(place, words.protocol, words.destination, words.source)
    if known is not None:
        return under(packet, known.inside, "dst")
    if said_from_inside(snapshot, _router(snapshot, balancer), packet) is not None:
        return ONLY_ANSWERS
    if not within(balancer.version, words.source[0], balancer.sources):
        return "the balancer is not for whoever sent it"
    members = members_at(snapshot, balancer, asked_port(packet))
    others = [side for side in members if side[0] not in _own(snapshot, balancer, words.source[0])]
    if not members:
        return "the balancer has no member that lives"
    if balancer.direct_return and not others:
        return "nobody answers itself from the balancer's address"
    inside = memory.choose(others or members)
    if words.protocol == SCTP:
        return under(packet, inside, "dst")
    begun = given_to(balancer, inside, words, packet)
    memory.of(place).append(begun)
    return under(packet, begun.inside, "dst")


def _own(snapshot: Snapshot, balancer: Balancer, asker: int) -> set[int]:
    """The addresses of whoever asks; with direct return it is the machine that counts."""
    address = IPv4Address(asker) if balancer.version == 4 else IPv6Address(asker)
    nics = snapshot.where(Nic, "claims", (balancer.network_id, address)) if balancer.direct_return else ()
    return {asker, *(int(each) for nic in nics for each in nic.addresses)}


def _router(snapshot: Snapshot, balancer: Balancer) -> str:
    return router_id(snapshot.need(Network, balancer.network_id))


def from_balancer(snapshot: Snapshot, network: Network, packet: Packet) -> Packet:
    """What a machine says in a realm, by the balancer inside of its networks for which it speaks by SCTP."""
    if principal(snapshot, router_id(network)) is None:
        return packet
    realm = realm_of(snapshot, network)
    behind = (each for home in realm for each in snapshot.where(Balancer, "network_id", home.id))
    balancer = spoken_for(snapshot, (each for each in behind if each.inner is not None), packet)
    return packet if balancer is None else under(packet, (int(balancer.inner or 0), 0), "src")


def from_member(
    snapshot: Snapshot, network: Network, place: str, packet: Packet, memory: Conversations
) -> Packet | str:
    """What comes to a NIC of a network, from the balancer if it is a member's answer to it; or why not."""
    words = words_of(packet) if version_of(packet) else None
    known = words and memory.inside(place, words.protocol, words.source, words.destination)
    if known:
        return under(packet, known.public, "src")
    if said_from_inside(snapshot, router_id(network), packet) is not None:
        return ONLY_ANSWERS
    return from_balancer(snapshot, network, packet)
