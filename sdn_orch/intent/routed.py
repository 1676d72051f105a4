"""What is routed between tenants' networks and the outside, for one packet, and never translated.

That is IPv6, and IPv4 of networks that say so. A part of `meaning`, like `outside`. A router has an address
of its own in the public network of its first public address, of IPv4 that one itself; who is outside sends
what is for the prefixes of its networks to the MAC address there.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.direct import said_from
from sdn_orch.intent.firewall import RoutedRule
from sdn_orch.intent.gateways import (
    gateway_of,
    networks_of,
    next_hop,
    principal,
    router_id,
    router_number,
)
from sdn_orch.intent.inner import from_balancer, inner_balancer
from sdn_orch.intent.mac import interface_identifier
from sdn_orch.intent.model import Network
from sdn_orch.intent.outside import (
    CUT,
    ONLY_ANSWERS,
    PUBLIC_MAC,
    UNASKED,
    Conversation,
    Conversations,
    Words,
    asked_port,
    associated,
    given_to,
    is_routed,
    members_at,
    passed_on,
    public_mac,
    version_of,
    with_balancer,
    within,
    words_of,
)
from sdn_orch.intent.packet import LATER_FRAGMENT, SCTP, TAGGED, Packet
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction


@dataclass(frozen=True, slots=True)
class Uplink:
    """How what is routed goes outside: by `upstream`, through the public network of its address `first`."""

    first: PublicAddress
    range: PublicRange
    upstream: IPv4Address | IPv6Address
    #: The router's own.
    address: IPv4Address | IPv6Address


def prefix_of(network: Network, version: int) -> IPv4Network | IPv6Network | None:
    """The prefix of a network that is routed to the outside, if there is one of this version of IP."""
    if version == 6:
        return network.ipv6
    return network.ipv4 if network.routed4 else None


def uplink_of(snapshot: Snapshot, router: str, version: int) -> Uplink | None:
    """That of a router; None if it has no public address, none in a range with IPv6, or no routed IPv4."""
    first = principal(snapshot, router)
    home = None if first is None else snapshot.need(PublicRange, first.range_id)
    if first is None or home is None:
        return None
    if version == 4:
        has_routed = any(network.routed4 for network in networks_of(snapshot, router))
        return Uplink(first, home, home.gateway, first.address) if has_routed else None
    if home.ipv6 is None or home.gateway6 is None:
        return None
    # Made from the router's number, so that it stays while its public IPv4 addresses come and go.
    own = interface_identifier(PUBLIC_MAC | router_number(snapshot, router))
    address = IPv6Address(int(home.ipv6.network_address) | own)
    return Uplink(first, home, home.gateway6, address)


def obstacle(snapshot: Snapshot, rule: RoutedRule) -> str | None:
    """Why no gateway can carry out a rule; None if one can."""
    network = snapshot.need(Network, rule.network_id)
    if rule.version == 4 and not network.routed4:
        return "the network's IPv4 is translated, not routed: other rules are about it"
    if uplink_of(snapshot, router_id(network), rule.version) is None:
        return f"its router has no public address{' in a range with IPv6' if rule.version == 6 else ''}"
    return None


def router_at(snapshot: Snapshot, mac: int) -> str | None:
    """The router that has this MAC address in public networks, where its gateway answers for it."""
    first = snapshot.numbered(PublicAddress, mac & 0xFFFFFF)
    router = None if first is None else first.router_id
    if first is None or router is None or public_mac(first) != mac:
        return None
    is_its = principal(snapshot, router) == first and gateway_of(snapshot, router) is not None
    return router if is_its else None


def routes_out(
    snapshot: Snapshot, network: Network, router: str, packet: Packet, memory: Conversations
) -> Packet | str:
    """An IPv6 packet from inside as it leaves for the next router; or why it does not."""
    uplink = uplink_of(snapshot, router, 6)
    if uplink is None:
        return "the public network has no IPv6"
    packet = from_balancer(snapshot, network, packet)
    words = words_of(packet)
    if words is None:
        return "it belongs to no conversation"
    known = memory.inside(router, words.protocol, words.source, words.destination)
    if known is None:
        if words.is_reply:
            return UNASKED
        if said_from(snapshot, router, packet) is not None:
            return ONLY_ANSWERS
        if not _may_begin(snapshot, network, Direction.EGRESS, packet):
            return "the network's rules let nothing of the kind out"
        here, direction = words.source, Direction.EGRESS
        memory.of(router).append(
            Conversation(words.protocol, here, here, words.destination, direction, packet)
        )
    elif not _goes_on(snapshot, network, known, Direction.EGRESS):
        return CUT
    else:
        # What a balancer's member answers comes from the balancer.
        packet = known.outward(packet)
    hop = next_hop(snapshot, uplink.range.id, 6)
    if hop is None:
        return "the next router is not known"
    return passed_on(packet, public_mac(uplink.first), hop.mac, uplink.range.vlan)


def routes_in(
    snapshot: Snapshot, router: str, packet: Packet, memory: Conversations
) -> tuple[Network, Packet] | str:
    """The network that a packet from outside is for, and the packet there; or why it does not come in.

    `packet` has the tag of its public network, if it has one. What is for a balancer goes to a member.
    """
    version = 4 if "ipv4_dst" in packet else 6
    uplink = uplink_of(snapshot, router, version)
    vlan = None if uplink is None else uplink.range.vlan
    if uplink is None or packet.get("vlan_vid") != (None if vlan is None else TAGGED | vlan):
        return f"the router routes no IPv{version} in that public network"
    address = IPv4Address if version == 4 else IPv6Address
    source, destination = (address(packet[f"ipv{version}_{end}"]) for end in ("src", "dst"))
    found = ((network, prefix_of(network, version)) for network in networks_of(snapshot, router))
    inside = [(network, prefix) for network, prefix in found if prefix is not None]
    if (version == 6 and source.is_link_local) or any(source in prefix for _, prefix in inside):
        return "who is outside has no such address"
    target = next((network for network, prefix in inside if destination in prefix), None)
    if target is None:
        return "the router has no network with this address"
    words = words_of(packet)
    if words is None:
        return "it belongs to no conversation"
    known = memory.outside(router, words.protocol, words.destination, words.source)
    balancer = _of_associations(snapshot, target, packet)
    if known is None:
        if words.is_reply:
            return UNASKED
        if not _may_begin(snapshot, target, Direction.INGRESS, packet):
            return "no firewall rule lets it in"
        begun = with_balancer(words, packet) if balancer else _begun(snapshot, target, packet, words, memory)
        if begun is None:
            return "the balancer's address leads to nobody"
        if begun.inside != begun.public and not memory.tell_apart(router, begun):
            return "the machine talks to the same peer under its own address already"
        memory.of(router).append(known := begun)
    elif not _goes_on(snapshot, target, known, Direction.INGRESS):
        return CUT
    if balancer is not None:
        sent = associated(snapshot, balancer, packet, memory)
        return sent if isinstance(sent, str) else (snapshot.need(Network, balancer.network_id), sent)
    if known.inside == known.public:
        return target, packet
    member = next(network for network, prefix in inside if address(known.inside[0]) in prefix)
    return member, known.inward(packet)


def _of_associations(snapshot: Snapshot, target: Network, packet: Packet) -> Balancer | None:
    """The balancer of SCTP that a packet is for, and may be."""
    balancer = inner_balancer(snapshot, (target,), packet)
    if balancer is None or balancer.protocol != SCTP:
        return None
    version = balancer.version
    return balancer if within(version, packet[f"ipv{version}_src"], balancer.sources) else None


def _begun(
    snapshot: Snapshot, target: Network, packet: Packet, words: Words, memory: Conversations
) -> Conversation | None:
    """What a packet from outside begins: with a machine, or with a balancer's member; None if with nobody."""
    begun = Conversation(
        words.protocol, words.destination, words.destination, words.source, Direction.INGRESS, packet
    )
    if version_of(packet) == 4:
        return begun
    there = snapshot.where(Balancer, "place", inner_place(target.id, IPv6Address(words.destination[0])))
    if not there:
        return begun
    balancer = inner_balancer(snapshot, (target,), packet)
    if balancer is None or not within(6, words.source[0], balancer.sources):
        return None
    members = members_at(snapshot, balancer, asked_port(packet))
    if not members:
        return None
    begun = given_to(balancer, memory.choose(members), words, packet)
    begun.is_translated = begun.given is None
    return begun


def _goes_on(snapshot: Snapshot, network: Network, known: Conversation, direction: Direction) -> bool:
    if known.heard(direction) and not network.cuts_connections:
        return True
    return _may_begin(snapshot, network, known.direction, known.first)


def _may_begin(snapshot: Snapshot, network: Network, direction: Direction, packet: Packet) -> bool:
    """Whether the network's rules let a packet begin a conversation; a tier's are at its machines' edges."""
    if network.vpc_id is not None:
        return True
    is_said = is_routed(snapshot, network, direction, packet)
    if direction is Direction.INGRESS:
        return is_said
    return packet["ip_frag"] == LATER_FRAGMENT or is_said != network.egress_open
