"""What lies between a VPC and the network of one of its private gateways, for one packet.

A part of `meaning`. A private gateway has conversations of its own, and a list of rules about who begins
them: ingress is what comes into the VPC by it, egress what leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.direct import said_from
from sdn_orch.intent.gateways import cutting, gateway_of, older_gateway
from sdn_orch.intent.guard import lets
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.outside import (
    CUT,
    ONLY_ANSWERS,
    UNASKED,
    Conversation,
    Conversations,
    Side,
    Words,
    free_side,
    passed_on,
    under,
    words_of,
)
from sdn_orch.intent.packet import LATER_FRAGMENT, Packet
from sdn_orch.intent.policy import list_policy
from sdn_orch.intent.routes import prefixes_by, route_to
from sdn_orch.intent.routing import PrivateGateway, PrivateHop
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction


def private_way(
    snapshot: Snapshot, router_id: str, address: IPv4Address | IPv6Address
) -> tuple[PrivateGateway, IPv4Address] | None:
    """The private gateway of a router that a destination is behind, and the next hop there."""
    for gateway in snapshot.where(PrivateGateway, "vpc_id", router_id):
        if address in gateway.ipv4 and older_gateway(snapshot, gateway) is None:
            return gateway, gateway.gateway
    route = route_to(snapshot, router_id, address)
    if route is None or route.gateway_id is None:
        return None
    gateway = snapshot.need(PrivateGateway, route.gateway_id)
    is_there = gateway.vpc_id == router_id and older_gateway(snapshot, gateway) is None
    return (gateway, route.next_hop) if is_there else None


def private_gateway_at(snapshot: Snapshot, vlan: int | None, mac: int) -> PrivateGateway | None:
    """The private gateway with a MAC address in a VLAN outside, if it is anywhere."""
    for gateway in snapshot.where(PrivateGateway, "vlan", vlan):
        if mac_number(gateway.router_mac) == mac and older_gateway(snapshot, gateway) is None:
            return gateway if gateway_of(snapshot, gateway.vpc_id) is not None else None
    return None


def leaves_privately(
    snapshot: Snapshot, gateway: PrivateGateway, hop: IPv4Address, packet: Packet, memory: Conversations
) -> Packet | str:
    """A packet from inside as it leaves for the next hop; or why it does not."""
    words = words_of(packet)
    if words is None:
        return "it belongs to no conversation"
    conversation = memory.inside(gateway.id, words.protocol, words.source, words.destination)
    if conversation is None:
        if words.is_reply:
            return UNASKED
        if said_from(snapshot, gateway.vpc_id, packet) is not None:
            return ONLY_ANSWERS
        if not _may_begin(snapshot, gateway, Direction.EGRESS, packet):
            return "the private gateway's list of rules does not let it out"
        public = _side_outside(gateway, words, memory)
        conversation = Conversation(
            words.protocol, words.source, public, words.destination, Direction.EGRESS, packet
        )
        conversation.is_translated = gateway.source_nat
        memory.of(gateway.id).append(conversation)
    elif not _goes_on(snapshot, gateway, conversation, Direction.EGRESS, packet):
        return CUT
    known = (each for each in snapshot.where(PrivateHop, "gateway_id", gateway.id) if each.address == hop)
    found = next(known, None)
    if found is None:
        return "the next hop behind the private gateway is not known"
    sent = under(packet, conversation.public, "src")
    return passed_on(sent, mac_number(gateway.router_mac), found.mac, gateway.vlan)


def enters_privately(
    snapshot: Snapshot, gateway: PrivateGateway, packet: Packet, memory: Conversations
) -> Packet | str:
    """A packet that comes by a private gateway with its destination inside; or why it does not come in."""
    words = words_of(packet)
    if IPv4Address(packet["ipv4_src"]) in snapshot.need(Vpc, gateway.vpc_id).ipv4:
        return "it says that it comes from inside"
    if words is None:
        return "it belongs to no conversation"
    conversation = memory.outside(gateway.id, words.protocol, words.destination, words.source)
    if conversation is None:
        if words.is_reply:
            return UNASKED
        if not _may_begin(snapshot, gateway, Direction.INGRESS, packet):
            return "the private gateway's list of rules does not let it in"
        if memory.inside(gateway.id, words.protocol, words.destination, words.source) is not None:
            return "the machine talks to the same peer under the gateway's address already"
        here, direction = words.destination, Direction.INGRESS
        conversation = Conversation(words.protocol, here, here, words.source, direction, packet)
        memory.of(gateway.id).append(conversation)
    elif not _goes_on(snapshot, gateway, conversation, Direction.INGRESS, packet):
        return CUT
    return under(packet, conversation.inside, "dst")


def cut_at(snapshot: Snapshot, gateway: PrivateGateway) -> Iterator[tuple[Network, tuple[IPv4Network, ...]]]:
    """The tiers whose connections by a private gateway end with what lets them begin, and where machines are
    in each: in its prefix, and in those that static routes lead to through it.
    """
    for tier in cutting(snapshot, gateway.vpc_id):
        if tier.ipv4 is not None:
            yield tier, (tier.ipv4, *prefixes_by(snapshot, tier))


def _goes_on(
    snapshot: Snapshot,
    gateway: PrivateGateway,
    conversation: Conversation,
    direction: Direction,
    packet: Packet,
) -> bool:
    """Whether what was let begin may go on: where its tier cuts connections only while it may begin."""
    machine = IPv4Address(conversation.inside[0])
    tiers = cut_at(snapshot, gateway)
    cuts = any(machine in prefix for _, prefixes in tiers for prefix in prefixes)
    if conversation.heard(direction) and not cuts:
        return True
    first = conversation.first if cuts else packet
    return _may_begin(snapshot, gateway, conversation.direction, first)


def _may_begin(snapshot: Snapshot, gateway: PrivateGateway, direction: Direction, packet: Packet) -> bool:
    # A later fragment does not tell its ports; without the first one nobody can do anything with it.
    if gateway.acl_id is None or packet["ip_frag"] == LATER_FRAGMENT:
        return True
    return lets(snapshot, list_policy(snapshot.need(AclList, gateway.acl_id)), direction, packet)


def _side_outside(gateway: PrivateGateway, words: Words, memory: Conversations) -> Side:
    if not gateway.source_nat:
        return words.source
    return free_side(int(gateway.address), words, memory.of(gateway.id)) or words.source
