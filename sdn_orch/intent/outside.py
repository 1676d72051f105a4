"""What lies between a tenant's network and the outside, for one packet: addresses, rules, conversations.

A part of `meaning`, which likewise knows no switch rule. A router remembers whom its machines talk to
(`Conversations`), because an answer may pass where a first word may not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from operator import itemgetter

from sdn_orch.intent.balancers import Address, Balancer
from sdn_orch.intent.balancing import obstacle, standing, takers
from sdn_orch.intent.direct import asked_outside, said_from
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import cutting, gateway_of, next_hop, principal, rival
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, Switch
from sdn_orch.intent.packet import ICMP, ICMPV6, LATER_FRAGMENT, SCTP, TAGGED, TCP, UDP, Packet
from sdn_orch.intent.proxies import needs_proxy, proxy_of
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import VERSIONS, Direction, Prefix, TrafficRule, translations
from sdn_orch.intent.verdict import place_of

#: An address, and a port or what stands for it.
Side = tuple[int, int]
_ECHO_REQUEST, _ECHO_REPLY = 8, 0
#: Version of IP and type of its ICMP.
_REQUESTS, _REPLIES = frozenset(((4, _ECHO_REQUEST), (6, 128))), frozenset(((4, _ECHO_REPLY), (6, 129)))
#: What stands for the port of whoever is asked for an echo, with the identifier.
_ECHO = 1 << 16
#: Protocols whose ports tell conversations apart, and those whose ports rules are about.
_PORTS = {TCP: "tcp", UDP: "udp"}
_RULED_PORTS = {**_PORTS, SCTP: "sctp"}
#: The MAC addresses of routers in public networks, with the number of their first public address.
PUBLIC_MAC = 0x0E5D02 << 24
ONLY_ANSWERS = "from a balancer's address its members answer clients, and say nothing else"
UNASKED = "it answers for an echo for which nobody has asked"
CUT = "no rule would let the conversation begin any more"
_FIRST_FREE_PORT, _LAST_PORT = 1024, 65_535
_TTL = 64


@dataclass(frozen=True, slots=True)
class Given:
    """A balancer's member that gets packets as clients sent them: its network and where it is there."""

    network_id: str
    address: Address


@dataclass(slots=True)
class Conversation:
    """Between a machine (`inside`) and somebody outside (`peer`), who knows it as `public`.

    `first` is the packet that began it, as it was sent, and `direction` where that went. Nobody relies on it
    before it was `answered`, unless an address was given to it alone (`is_translated`). `is_forwarded`: the
    machine was chosen by a forwarded port, or has the address alone. Where a balancer's members answer from
    its address, it stands for the machine, which is `given`. So it does in SCTP's with a balancer: which
    machine a client has is not theirs to know.
    """

    protocol: int
    inside: Side
    public: Side
    peer: Side
    direction: Direction
    first: Packet
    is_translated: bool = False
    is_forwarded: bool = False
    given: Given | None = None
    answered: bool = False
    #: As whom the machine knows the peer, if that is not by its own port.
    seen: Side | None = None

    @property
    def near(self) -> Side:
        """As whom the machine knows the peer."""
        return self.seen or self.peer

    def outward(self, packet: Packet) -> Packet:
        """The machine's packet as the peer gets it."""
        sent = under(packet, self.public, "src")
        return sent if self.seen is None else under(sent, self.peer, "dst")

    def inward(self, packet: Packet) -> Packet:
        """The peer's packet as the machine gets it."""
        got = under(packet, self.inside, "dst")
        return got if self.seen is None else under(got, self.seen, "src")

    def is_with(self, protocol: int, peer: Side) -> bool:
        """Whether somebody outside has a part in it; of an echo both sides have one identifier."""
        is_echo = protocol in (ICMP, ICMPV6)
        return protocol == self.protocol and (peer[0] == self.peer[0] if is_echo else peer == self.peer)

    def heard(self, direction: Direction) -> bool:
        """Note a further packet of it that goes this way; whether somebody relies on it."""
        self.answered = self.answered or direction is not self.direction
        return self.answered or self.is_translated


@dataclass(slots=True)
class Begun:
    """A conversation that the rules of a NIC let begin, with the packet that began it, as it was there.

    Who speaks tells an answer, not which way it goes: who speaks to itself hears its own questions.
    """

    first: Packet
    answered: bool = False

    def is_by(self, words: Words) -> bool:
        """Whether a packet of it is by whoever began it."""
        begun = words_of(self.first)
        return begun is not None and words.source == begun.source

    def heard(self, words: Words) -> bool:
        """Note a further packet of it; whether it has been answered."""
        self.answered = self.answered or not self.is_by(words)
        return self.answered


@dataclass(slots=True)
class Conversations:
    """What routers remember, by their ids, and edges of the NICs that stand under rules."""

    known: dict[str, list[Conversation]] = field(default_factory=dict)
    #: NIC id -> (protocol, pair of sides).
    edges: dict[str, dict[tuple[int, frozenset[Side]], Begun]] = field(default_factory=dict)
    #: To which of a balancer's members something new goes. It may be any of them.
    choose: Callable[[Sequence[Side]], Side] = itemgetter(0)

    def of(self, router_id: str) -> list[Conversation]:
        """Those of one router, for reading and adding."""
        return self.known.setdefault(router_id, [])

    def inside(self, router_id: str, protocol: int, machine: Side, peer: Side) -> Conversation | None:
        """The one that a machine has with a peer."""
        about = (protocol, machine, peer)
        found = (one for one in self.of(router_id) if (one.protocol, one.inside, one.near) == about)
        return next(found, None)

    def tell_apart(self, router_id: str, begun: Conversation) -> bool:
        """Have the machine know the peer by another port, if it has to; whether it can be told apart."""
        ports = (begun.peer[1], *range(_FIRST_FREE_PORT, _LAST_PORT + 1)) if begun.protocol in _PORTS else ()
        for port in ports or (begun.peer[1],):
            side = (begun.peer[0], port)
            if self.inside(router_id, begun.protocol, begun.inside, side) is None:
                begun.seen = None if side == begun.peer else side
                return True
        return False

    def outside(self, router_id: str, protocol: int, public: Side, peer: Side) -> Conversation | None:
        """The one that a peer has with a public address."""
        found = (one for one in self.of(router_id) if one.public == public and one.is_with(protocol, peer))
        return next(found, None)

    def given(self, router_id: str, packet: Packet) -> Given | None:
        """The member that has the conversation of a packet to a balancer's address, and gets it as it is."""
        words = words_of(packet)
        known = words and self.outside(router_id, words.protocol, words.destination, words.source)
        return known.given if known else None

    def at(self, nic_id: str) -> dict[tuple[int, frozenset[Side]], Begun]:
        """Those that the rules of a NIC let through, by protocol and sides, for reading and adding."""
        return self.edges.setdefault(nic_id, {})


def one_of(chosen: Collection[Side]) -> Callable[[Sequence[Side]], Side]:
    """A choice of a balancer's member that is one of these, if any of them is."""
    return lambda members: next((side for side in members if side in chosen), members[0])


@dataclass(frozen=True, slots=True)
class Words:
    """Who speaks to whom in a packet."""

    protocol: int
    source: Side
    destination: Side

    @property
    def is_reply(self) -> bool:
        """Whether it answers for an echo, with which nothing begins."""
        return self.protocol in (ICMP, ICMPV6) and self.source[1] >= _ECHO


def version_of(packet: Packet) -> int | None:
    """The version of IP of a packet; None if it is none."""
    return 4 if "ipv4_src" in packet else 6 if "ipv6_src" in packet else None


def words_of(packet: Packet) -> Words | None:
    """What an IP packet is in a conversation; None for what has no part in any, as ICMP's other messages."""
    protocol, version = packet["ip_proto"], version_of(packet)
    ports = (0, 0)
    if protocol in (ICMP, ICMPV6):
        kind, asker = (version, packet.get(f"icmpv{version}_type")), int.from_bytes(packet.payload[:2], "big")
        if kind not in _REQUESTS | _REPLIES:
            return None
        # Two that ask each other for echoes have two conversations.
        ports = (asker, _ECHO | asker) if kind in _REQUESTS else (_ECHO | asker, asker)
    elif protocol in _PORTS:
        name = _PORTS[protocol]
        ports = (packet.get(f"{name}_src") or 0, packet.get(f"{name}_dst") or 0)
    source, destination = packet[f"ipv{version}_src"], packet[f"ipv{version}_dst"]
    return Words(protocol, (source, ports[0]), (destination, ports[1]))


def asked_port(packet: Packet) -> int:
    """The port that an IP packet is for; 0: none. SCTP's has no part in what tells conversations apart."""
    name = _RULED_PORTS.get(packet["ip_proto"])
    return 0 if name is None else packet.get(f"{name}_dst") or 0


def goes_out(
    snapshot: Snapshot, network: Network, router_id: str, packet: Packet, memory: Conversations
) -> Packet | str:
    """A packet from inside with its public source; or why it does not leave."""
    if asked_outside(snapshot, router_id, packet) is not None:
        return "a balancer's members answer from its public address: not to machines on its own router"
    speaker = _speaker(snapshot, router_id, network, packet)
    if speaker is not None:
        own = snapshot.need(PublicAddress, speaker.address_id or "")
        packet = under(packet, (int(own.address), 0), "src")
    words, is_own = words_of(packet), network.routed4 or speaker is not None
    if words is None:
        return "it belongs to no conversation"
    conversation = memory.inside(router_id, words.protocol, words.source, words.destination)
    if conversation is not None:
        if not _goes_on(snapshot, router_id, conversation, Direction.EGRESS):
            return CUT
        return conversation.outward(packet)
    if words.is_reply:
        return UNASKED
    if said_from(snapshot, router_id, packet) is not None:
        return ONLY_ANSWERS
    if not _may_leave(snapshot, network, packet):
        return "the network's egress rules let nothing of the kind out"
    known = memory.of(router_id)
    public = words.source if is_own else _public_side(snapshot, router_id, words, known)
    if public is None:
        return "there is no address to go out under"
    begun = Conversation(words.protocol, words.source, public, words.destination, Direction.EGRESS, packet)
    begun.is_translated = not is_own and not _is_alone(snapshot, public)
    known.append(begun)
    return under(packet, public, "src")


def comes_in(
    snapshot: Snapshot, address: PublicAddress, router_id: str, packet: Packet, memory: Conversations
) -> Packet | str:
    """A packet to a public address with its destination inside; or why it does not come in."""
    words = words_of(packet)
    if words is None:
        return "it belongs to no conversation"
    conversation = memory.outside(router_id, words.protocol, words.destination, words.source)
    if conversation is not None and not _goes_on(snapshot, router_id, conversation, Direction.INGRESS):
        return CUT
    if conversation is None and words.is_reply:
        return UNASKED
    balancer = _balancer(snapshot, address, packet) if words.protocol == SCTP else None
    # A machine's own conversation under the address has all of the peer's associations with it.
    if conversation is not None and (balancer is None or conversation.inside != conversation.public):
        return conversation.inward(packet)
    if conversation is None and not _may_enter(snapshot, address, packet):
        return "no firewall rule lets it in"
    if balancer is not None:
        sent = associated(snapshot, balancer, packet, memory)
        if conversation is None and isinstance(sent, Packet):
            memory.of(router_id).append(with_balancer(words, packet))
        return sent
    inside = _inside(snapshot, address, packet, words, memory)
    if inside is None:
        return "the address leads to nobody"
    begun = given_to(_balancer(snapshot, address, packet), inside, words, packet)
    if not memory.tell_apart(router_id, begun):
        return "the machine talks to the same peer under another address already"
    begun.is_translated = begun.given is None and not _is_alone(snapshot, words.destination)
    begun.is_forwarded = _forwarded(snapshot, address, packet, words) is not None
    memory.of(router_id).append(begun)
    return begun.inward(packet)


def uplink(snapshot: Snapshot, router_id: str, packet: Packet) -> Packet | str:
    """A packet with a public source as it leaves for the next router, with the tag of its public network."""
    address = address_of(snapshot, IPv4Address(packet["ipv4_src"]))
    first, network = principal(snapshot, router_id), snapshot.get(Network, router_id)
    if network is not None and network.routed4 and (address is None or address.router_id != router_id):
        # By way of the address that its router has outside.
        address = first
    hop = None if address is None else next_hop(snapshot, address.range_id, 4)
    if address is None or first is None or hop is None:
        return "the next router is not known"
    vlan = snapshot.need(PublicRange, address.range_id).vlan
    return passed_on(packet, public_mac(first), hop.mac, vlan)


def passed_on(packet: Packet, mac: int, next_hop: str, vlan: int | None) -> Packet:
    """A packet as it leaves a router's MAC address for a next hop, with the tag of the network there."""
    tag = {} if vlan is None else {"vlan_vid": TAGGED | vlan, "vlan_pcp": 0}
    return packet.replace(eth_src=mac, eth_dst=mac_number(next_hop), ip_ttl=packet["ip_ttl"] - 1, **tag)


def echo(snapshot: Snapshot, address: PublicAddress, packet: Packet, memory: Conversations) -> Packet | None:
    """The answer to a ping of an address from outside, where its firewall lets that in; no machine has it."""
    is_ping = (packet.get("icmpv4_type"), packet.get("icmpv4_code")) == (_ECHO_REQUEST, 0)
    router_id, words = address.router_id, words_of(packet)
    if not is_ping or words is None or router_id is None or address.guest is not None:
        return None
    is_known = memory.outside(router_id, words.protocol, words.destination, words.source) is not None
    if is_known or not _may_enter(snapshot, address, packet):
        return None
    first = principal(snapshot, router_id)
    return (
        None
        if first is None
        else packet.replace(
            eth_src=public_mac(first),
            eth_dst=packet["eth_src"],
            ipv4_src=packet["ipv4_dst"],
            ipv4_dst=packet["ipv4_src"],
            ip_ttl=_TTL,
            icmpv4_type=_ECHO_REPLY,
        )
    )


def address_of(snapshot: Snapshot, address: IPv4Address) -> PublicAddress | None:
    """The public address with a router and a gateway, if there is one, that nobody else has."""
    for found in snapshot.where(PublicAddress, "address", address):
        router_id = found.router_id
        if router_id and rival(snapshot, found) is None and gateway_of(snapshot, router_id) is not None:
            return found
    return None


def gateway_at(snapshot: Snapshot, address: PublicAddress) -> Switch | None:
    """Where an address lives."""
    return None if address.router_id is None else gateway_of(snapshot, address.router_id)


def public_mac(first: PublicAddress) -> int:
    """The MAC address of a router in public networks: from the number of the first of its addresses."""
    return PUBLIC_MAC | first.number


def _speaker(snapshot: Snapshot, router_id: str, network: Network, packet: Packet) -> Balancer | None:
    """The balancer of a router's public address for which a machine of a network speaks."""
    addresses = snapshot.where(PublicAddress, "router_id", router_id)
    lead = (one for one in addresses if one.guest is None and rival(snapshot, one) is None)
    found = (each for one in lead for each in snapshot.where(Balancer, "address_id", one.id))
    return spoken_for(snapshot, (each for each in found if each.network_id == network.id), packet)


def given_to(balancer: Balancer | None, machine: Side, words: Words, packet: Packet) -> Conversation:
    """A conversation that a packet begins with a machine, which may be a balancer's member."""
    begun = Conversation(words.protocol, machine, words.destination, words.source, Direction.INGRESS, packet)
    if balancer is not None and balancer.direct_return:
        address = IPv4Address(machine[0]) if balancer.version == 4 else IPv6Address(machine[0])
        begun.inside, begun.given = words.destination, Given(balancer.network_id, address)
    return begun


def with_balancer(words: Words, packet: Packet) -> Conversation:
    """A conversation of SCTP, of which the balancer is one end."""
    here = words.destination
    return Conversation(words.protocol, here, here, words.source, Direction.INGRESS, packet)


def associated(snapshot: Snapshot, balancer: Balancer, packet: Packet, memory: Conversations) -> Packet | str:
    """A packet to a balancer of SCTP as it goes to a member."""
    members = members_at(snapshot, balancer, asked_port(packet))
    return (
        under(packet, memory.choose(members), "dst") if members else "the balancer has no member that lives"
    )


def spoken_for(snapshot: Snapshot, balancers: Iterable[Balancer], packet: Packet) -> Balancer | None:
    """That of these balancers of SCTP whose member says something from its ports; None: nobody's does."""
    version, port = version_of(packet), packet.get("sctp_src") or 0
    for balancer in balancers if packet.get("ip_proto") == SCTP else ():
        if balancer.version == version and balancer.takes(SCTP, port) and not obstacle(snapshot, balancer):
            members = standing(snapshot, balancer).values()
            if packet[f"ipv{version}_src"] in {int(each) for each in members}:
                return balancer
    return None


def _public_side(snapshot: Snapshot, router_id: str, words: Words, known: list[Conversation]) -> Side | None:
    """Static NAT keeps the port; source NAT does if nobody else has it towards this peer."""
    guest, port = words.source
    addresses = snapshot.where(PublicAddress, "router_id", router_id)
    alone = [one for one in addresses if one.guest is not None and rival(snapshot, one) is None]
    for address in alone:
        if int(address.guest or 0) == guest:
            return int(address.address), port
    shared = next((one for one in addresses if one.is_source_nat and one.guest is None), None)
    if shared is None:
        return None
    return free_side(int(shared.address), words, known)


def free_side(address: int, words: Words, known: list[Conversation]) -> Side | None:
    """An address with the speaker's own port, if nobody else has that towards the peer, or with another.

    What has no ports has the address alone.
    """
    taken = {one.public for one in known if one.is_with(words.protocol, words.destination)}
    others = range(_FIRST_FREE_PORT, _LAST_PORT + 1) if words.protocol in (TCP, UDP, ICMP, ICMPV6) else ()
    candidates = (words.source[1], *others)
    return next(((address, port) for port in candidates if (address, port) not in taken), None)


def _inside(
    snapshot: Snapshot, address: PublicAddress, packet: Packet, words: Words, memory: Conversations
) -> Side | None:
    if (given := _forwarded(snapshot, address, packet, words)) is not None:
        return given
    balancer = _balancer(snapshot, address, packet)
    members = [] if balancer is None else members_at(snapshot, balancer, asked_port(packet))
    return memory.choose(members) if members else None


def _balancer(snapshot: Snapshot, address: PublicAddress, packet: Packet) -> Balancer | None:
    """The balancer of a public address that a packet is for."""
    for balancer in snapshot.where(Balancer, "address_id", address.id):
        is_for = balancer.takes(packet["ip_proto"], asked_port(packet)) and not obstacle(snapshot, balancer)
        if is_for and within(4, packet["ipv4_src"], balancer.sources):
            return balancer
    return None


def _forwarded(snapshot: Snapshot, address: PublicAddress, packet: Packet, words: Words) -> Side | None:
    """Who has the address alone, or the port by a forwarded one."""
    port = words.destination[1]
    if address.guest is not None:
        return int(address.guest), port
    for forward in snapshot.where(Forward, "address_id", address.id):
        if forward.takes(words.protocol, port) and within(4, packet["ipv4_src"], forward.sources):
            return int(forward.guest), forward.private[0] + port - forward.public[0]
    return None


def members_at(snapshot: Snapshot, balancer: Balancer, port: int) -> list[Side]:
    """Where something for one of a balancer's ports may go to: its live members, or its proxy."""
    ways = translations(balancer.ports, balancer.guest_ports)
    to = next(to for (first, last), to in ways if first <= port <= last)
    found = [(nic, at) for _, nic, at in takers(snapshot, balancer)]
    if needs_proxy(snapshot, balancer):
        proxy = proxy_of(snapshot, balancer)
        found = [(proxy, proxy.ipv4)] if proxy and proxy.ipv4 else []
    if balancer.protocol not in _PORTS:
        port = to = 0
    return [(int(at), port if to is None else to) for nic, at in found if place_of(snapshot, nic)]


def _is_alone(snapshot: Snapshot, public: Side) -> bool:
    """Whether a public address is one machine's alone, in place of its own for all conversations."""
    address = address_of(snapshot, IPv4Address(public[0]))
    return address is not None and address.guest is not None


def _goes_on(snapshot: Snapshot, router_id: str, conversation: Conversation, direction: Direction) -> bool:
    """Whether what was let begin may go on: where its network cuts connections only while it may begin."""
    if conversation.heard(direction) and not _cuts(snapshot, router_id, conversation):
        return True
    if conversation.direction is Direction.EGRESS:
        network = snapshot.get(Network, router_id)
        return network is None or _may_leave(snapshot, network, conversation.first)
    first, words = conversation.first, words_of(conversation.first)
    network = snapshot.get(Network, router_id)
    is_routers = conversation.inside == conversation.public and conversation.given is None
    if network is not None and network.routed4 and is_routers:
        return is_routed(snapshot, network, Direction.INGRESS, first)
    address = address_of(snapshot, IPv4Address(first["ipv4_dst"]))
    if address is None or words is None or not _may_enter(snapshot, address, first):
        return False
    return not conversation.is_forwarded or conversation.inside == _forwarded(snapshot, address, first, words)


def _cuts(snapshot: Snapshot, router_id: str, conversation: Conversation) -> bool:
    """Whether the network of the machine in a conversation cuts connections.

    What a balancer has that stands for the machine is cut where any of the router's networks cuts.
    """
    machine = IPv4Address(conversation.inside[0])
    prefixes = [network.ipv4 for network in cutting(snapshot, router_id)]
    is_balanced = conversation.inside == conversation.public
    return any(is_balanced or machine in prefix for prefix in prefixes if prefix is not None)


def _may_leave(snapshot: Snapshot, network: Network, packet: Packet) -> bool:
    # A later fragment does not tell its ports; without the first one nobody can do anything with it.
    if network.vpc_id is not None or packet["ip_frag"] == LATER_FRAGMENT:
        return True
    if network.routed4:
        return is_routed(snapshot, network, Direction.EGRESS, packet) != network.egress_open
    rules = snapshot.where(EgressRule, "network_id", network.id)
    return any(is_about(rule, packet) for rule in rules) != network.egress_open


def is_routed(snapshot: Snapshot, network: Network, direction: Direction, packet: Packet) -> bool:
    """Whether a rule of what is routed between a network and the outside is about a packet."""
    version = 4 if "ipv4_src" in packet else 6
    rules = snapshot.where(RoutedRule, "network_id", network.id)
    return any(
        rule.version == version and rule.direction is direction and is_about(rule, packet) for rule in rules
    )


def _may_enter(snapshot: Snapshot, address: PublicAddress, packet: Packet) -> bool:
    """Whether the firewall of an address lets a packet in; a VPC's has none."""
    if address.vpc_id is not None:
        return True
    network = snapshot.get(Network, address.network_id or "")
    if network is not None and network.routed4 and is_routed(snapshot, network, Direction.INGRESS, packet):
        return True
    rules = snapshot.where(FirewallRule, "address_id", address.id)
    return any(is_about(rule, packet) for rule in rules)


def is_about(rule: TrafficRule, packet: Packet) -> bool:
    """Whether a rule is about an IP packet."""
    version = 4 if "ipv4_src" in packet else 6
    source, destination = packet[f"ipv{version}_src"], packet[f"ipv{version}_dst"]
    if not (within(version, source, rule.sources) and within(version, destination, rule.destinations)):
        return False
    if rule.protocol is None:
        return True
    if rule.protocol != packet["ip_proto"] or VERSIONS.get(rule.protocol, version) != version:
        return False
    if rule.protocol in (ICMP, ICMPV6):
        name = "icmpv4" if rule.protocol == ICMP else "icmpv6"
        wanted = ((rule.icmp_type, f"{name}_type"), (rule.icmp_code, f"{name}_code"))
        return all(value is None or packet.get(name) == value for value, name in wanted)
    if rule.ports is None or rule.protocol not in _RULED_PORTS:
        return True
    return rule.ports[0] <= asked_port(packet) <= rule.ports[1]


def within(version: int, address: int, prefixes: tuple[Prefix, ...]) -> bool:
    known = IPv4Address(address) if version == 4 else IPv6Address(address)
    return not prefixes or any(prefix.version == version and known in prefix for prefix in prefixes)


def under(packet: Packet, side: Side, end: str) -> Packet:
    """The packet with another address, and another port where it has ports: of an echo, its identifier."""
    name = _PORTS.get(packet["ip_proto"])
    changes = {f"ipv{version_of(packet)}_{end}": side[0]}
    if name is not None and f"{name}_{end}" in packet:
        changes[f"{name}_{end}"] = side[1]
    changed = packet.replace(**changes)
    if packet["ip_proto"] in (ICMP, ICMPV6):
        return replace(changed, payload=(side[1] % _ECHO).to_bytes(2, "big") + packet.payload[2:])
    return changed
