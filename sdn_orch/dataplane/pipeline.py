"""The pipeline: tables, metadata, priorities and allowed edges, in one place.

Everything that two stages must agree on is said here and checked at import; `docs/pipeline.md` is
generated from it. Directions are `from_port` (what an attached NIC sends) and `to_port` (what it gets).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Network

from sdn_orch.openflow.actions import says_clauses
from sdn_orch.openflow.values import Action, Flow, FlowEntry, Match


class Table(IntEnum):
    """Tables of an edge switch, in the order a packet meets them. A fabric switch has only CLASSIFY."""

    CLASSIFY = 0
    ARRIVE = 1
    SOURCE = 2
    NEIGHBOUR_SOURCE = 3
    SERVICE = 4
    FROM_GUARD = 5
    FROM_STATE = 6
    FROM_RULES = 7
    ANSWER = 8
    ANSWER_ND = 9
    ROUTE = 10
    INNER = 11
    LEAVE = 12
    EGRESS = 13
    EGRESS_RULES = 14
    SOURCE_NAT = 15
    UPLINK = 16
    ENTER = 17
    INGRESS = 18
    INGRESS_RULES = 19
    DESTINATION_NAT = 20
    CLIENTS = 21
    KEPT = 22
    BALANCE = 23
    MEMBER = 24
    INWARD = 25
    MTU = 26
    NEXT_HOP = 27
    FORWARD = 28
    TRANSIT = 29
    BACK = 30
    BACK_STATE = 31
    TO_GUARD = 32
    TO_STATE = 33
    TO_RULES = 34
    DELIVER = 35
    PUNT = 36


@dataclass(frozen=True, slots=True)
class Stage:
    """One table: its prose, where its packets may go next, and its named priorities, highest first.

    Beside these, rules may have a priority each, out of `numbered`.
    """

    table: Table
    purpose: str
    next: tuple[Table, ...]
    priorities: dict[str, int]
    numbered: range = range(0)


class Punt(IntEnum):
    """Why a packet comes to the controller: the top four bits of its metadata.

    The other bits of the metadata tell network and router, the packet-in the port; together they name the
    sender's NIC.
    """

    #: An LLDP frame, from any port, straight from CLASSIFY.
    DISCOVERY = 0
    #: From a learn port and not yet bound: its source MAC may be that of a registered NIC.
    FIRST_PACKET = 1
    #: A DHCPv4 client asks.
    DHCP4 = 2
    #: A DHCPv6 client asks.
    DHCP6 = 3
    #: A host asks for router advertisements.
    ROUTER_SOLICITATION = 4
    #: An ARP request that this switch cannot answer by flows (plain switches). Probes for the asker's own
    #: address are not to be answered.
    ARP = 5
    #: A neighbour solicitation, likewise.
    NEIGHBOUR_SOLICITATION = 6
    #: An ICMP or ICMPv6 echo request to a gateway (plain switches).
    GATEWAY_ECHO = 7
    #: A routed packet with its last hop spent: time exceeded. The metadata has the sender's network, except
    #: for those that a plain switch's TTL check sends from NEXT_HOP: there it is the receiver's.
    TTL_EXCEEDED = 8
    #: A routed packet that the receiver's network is too small for; the metadata has the receiver's network,
    #: whose MTU is to be told. TTL and source MAC are still the sender's. One from outside is translated.
    TOO_BIG = 9
    #: The gateway of a public range says what its MAC address is, to the asking controller.
    UPSTREAM = 10
    #: A host asks a gateway for names (UDP or TCP port 53).
    DNS = 11
    #: A guest speaks TCP to the metadata or password service.
    METADATA = 12
    #: A guest answers a health check.
    CHECK = 13


@dataclass(frozen=True, slots=True)
class Subfield:
    """Some bits of the metadata."""

    name: str
    shift: int
    bits: int
    meaning: str

    @property
    def mask(self) -> int:
        """These bits, set."""
        return ((1 << self.bits) - 1) << self.shift

    def of(self, value: int) -> tuple[int, int]:
        """Value and mask that match or write this subfield."""
        return value << self.shift, self.mask

    def read(self, metadata: int) -> int:
        """This subfield of some metadata."""
        return (metadata & self.mask) >> self.shift


NETWORK = Subfield(
    "network", 0, 24, "number of the network the packet is in; with bit 22 a public one's VLAN"
)
ROUTER = Subfield(
    "router", 24, 24, "number of its router (0: none): a network's, or with the top bit a VPC's"
)
TURNED = Subfield("turned", 48, 1, "the packet was answered or routed here and may leave where it came in")
JUDGED = Subfield(
    "judged", 49, 1, "each packet between its network and the outside is judged, not only one that begins"
)
STATIC = Subfield(
    "static", 50, 1, "it came from outside for an address of static NAT, that of the machine stands there now"
)
RESERVED = Subfield("reserved", 51, 9, "nothing yet")
REASON = Subfield("reason", 60, 4, "why the packet goes to the controller (`Punt`)")
METADATA = (NETWORK, ROUTER, TURNED, JUDGED, STATIC, RESERVED, REASON)

#: Registers: the zone of the place whose packet it is, and the rules that it stands under.
ZONE, POLICY = "reg1", "reg2"
#: The bit of POLICY of those whose every packet is judged, not only one that begins a connection.
POLICY_JUDGES_ALL = 1 << 31
#: Which balancer a packet is for, and in its lower bits which of the balancer's slots its connection has;
#: from MEMBER on the mark of its member, which is that of the connection too.
BALANCED, SLOT_BITS = "reg3", 10
_NUMBERS = range(1, 1 << (32 - SLOT_BITS))
#: In KEPT the mark of the member that a client had, 0 for none.
REMEMBERED = "reg0"
#: In the label of a connection that a forwarded port gave to a machine.
FORWARDED = 1 << 48

#: The bit of a public network's number in NETWORK; tenants' networks' numbers stay below it.
PUBLIC_BIT = 0x400000


def public_network(vlan: int | None) -> int:
    """The number in NETWORK of the public network with a VLAN, or without one."""
    return PUBLIC_BIT | (vlan or 0)


def public_vlan(number: int) -> int | None:
    """The VLAN of the public network with a number; None if it has none."""
    return number & ~PUBLIC_BIT or None


#: Where a packet has come in that turns round at its gateway, and so may leave by any port.
NO_PORT = 0


class GroupKind(IntEnum):
    """The top four bits of a group's number; the rest is the number of the network or switch."""

    #: Every place of a network: this switch's ports and the other edges.
    FLOOD = 1
    #: This switch's ports of a network.
    LOCAL_FLOOD = 2
    #: Ways to a switch: the shortest, and by fast failover the detours.
    TRANSIT = 3
    #: Ways to a switch on the first detour, and if it is dead on the second.
    FIRST_DETOUR = 4
    #: Ways to a switch on the second detour.
    SECOND_DETOUR = 5
    #: The shortest ways to a switch where there are several.
    EQUAL_COST = 6
    #: Spreads what begins a connection over slots, by a hash of its addresses and ports; its number is 0.
    SLOTS = 7


def forwarded_label(guest: int, port: int | None) -> int:
    """The label of connections that a forwarded port gave to an address; None: there to the same port."""
    return FORWARDED | guest << 16 | (port or 0)


def forwarded_labels(prefix: IPv4Network) -> tuple[int, int]:
    """Those of all connections that forwarded ports gave to addresses in a prefix."""
    return forwarded_label(int(prefix.network_address), None), FORWARDED | int(prefix.netmask) << 16


def group_number(kind: GroupKind, number: int) -> int:
    """The number of the group of this kind for the network or switch with this number."""
    return kind << 28 | number


#: Meters of punts: a port's has the port's number (ports from `SWITCH_METERS` up have none and are refused).
SWITCH_METERS = 0xFF00
LLDP_METER = SWITCH_METERS + 1
#: Of packets from outside whose hops are spent: they must not crowd out what next hops say.
SPENT_METER = SWITCH_METERS + 2
#: Of those that are too large for where they go, nor these.
TOO_BIG_METER = SWITCH_METERS + 3
#: Packets per second, and packets in a burst, that go to the controller from one port, and of LLDP in all.
PORT_PUNTS = (100, 200)
LLDP_PUNTS = (2000, 4000)
#: The numbers from here on, as far as Open vSwitch has them (2**18), are for NICs: two for each.
_FIRST_NIC_METER = 0x10000
#: NICs whose numbers differ by a multiple of this would have the same two.
METERED_NICS = (2**18 - _FIRST_NIC_METER) // 2


def nic_meters(nic: int) -> tuple[int, int]:
    """The meters of the NIC with this number: for what it sends, and for what it receives."""
    first = _FIRST_NIC_METER + nic % METERED_NICS * 2
    return first, first + 1


#: Priorities of rules whose order does not matter: one for each, so that none is in another's way.
RULES = range(1000, 61_000)


STAGES: dict[Table, Stage] = {
    stage.table: stage
    for stage in (
        Stage(
            Table.CLASSIFY,
            "Which network is it? A frame from an access or trunk port belongs to the NIC with its "
            "source MAC there, and passes a meter if that has a rate limit; where a machine is about to come "
            "to, the controller gets a copy of what went on. One from a fabric port says "
            "by its label where it goes, one from an "
            "underlay by its VLAN or VNI which network it is in. On a fabric switch labels are "
            "forwarded here. One from a gateway's public port is in a public network. All else is dropped.",
            (
                Table.ARRIVE,
                Table.SOURCE,
                Table.ANSWER,
                Table.LEAVE,
                Table.ENTER,
                Table.TRANSIT,
                Table.BACK,
                Table.PUNT,
            ),
            {"lldp": 1000, "arrive": 800, "transit": 700, "way out": 660, "routed underlay": 650}
            | {"underlay": 600, "nic": 500, "public neighbour": 450, "public": 400, "learn": 100},
        ),
        Stage(
            Table.ARRIVE,
            "A label for this switch: the NIC's MAC address and network are restored; of flooded "
            "frames the group address, from the IP destination. What a gateway is to send out leaves.",
            (Table.LEAVE, Table.BACK),
            {"nic": 500, "ip flood": 400, "flood": 300},
        ),
        Stage(
            Table.SOURCE,
            "from_port: may this NIC send with these addresses? ARP, IPv4 and IPv6 senders must be "
            "its own, or those behind it that static routes lead to, or from its ports a balancer's with "
            "direct return; an L2 network asks for the MAC address only.",
            (Table.NEIGHBOUR_SOURCE, Table.SERVICE, Table.ANSWER, Table.FORWARD),
            {"nic": 500, "route": 400, "direct": 300},
        ),
        Stage(
            Table.NEIGHBOUR_SOURCE,
            "from_port, IPv6: neighbour discovery must speak of the NIC's own MAC and addresses; "
            "router advertisements and redirects are dropped, and fragments of any of these or of "
            "unknown content. Not for L2 networks.",
            (Table.SERVICE,),
            {"fragment": 600, "nic": 500, "neighbour discovery": 400, "other": 0},
        ),
        Stage(
            Table.SERVICE,
            "from_port: DHCP requests, router solicitations, what is for the metadata and password services "
            "and answers to health checks go to the controller; what only servers say is dropped, and first "
            "fragments that do not tell their ports.",
            (Table.FROM_GUARD, Table.PUNT),
            {"server": 600, "client": 500, "metadata": 400, "check": 300, "other": 0},
        ),
        Stage(
            Table.FROM_GUARD,
            "from_port: does the packet stand under rules? Those of a security group are about all that a "
            "NIC sends, those of a tier's list about what it sends beyond its gateway. Its connection "
            "is looked up in the zone of the NIC's place; plain switches have none, and lists that mean the "
            "same without, for each tier. What a member answers from the address of a balancer with direct "
            "return is looked up, and goes on: others have the address too.",
            (Table.FROM_STATE, Table.FROM_RULES, Table.ANSWER),
            {"exempt": 600, "direct": 550, "nic": 500, "tier": 400, "other": 0},
        ),
        Stage(
            Table.FROM_STATE,
            "from_port: what belongs to a connection that was let through goes on, what begins one is "
            "judged by the rules. Where a network cuts connections every packet is, as the one that began "
            "its connection would be now.",
            (Table.FROM_RULES, Table.ANSWER),
            {"invalid": 800, "known": 700, "later fragment": 600, "judged": 550, "new": 500},
        ),
        Stage(
            Table.FROM_RULES,
            "from_port: egress rules. The priority of a list's item is 65536 less its position; without any "
            "rule everything may leave. What may leave is a known connection from then on. An item with many "
            "prefixes and many blocks of ports is a conjunction: a flow for each of them, not for each pair. "
            "What a security group opens to another one is, too. Where a network cuts connections, ingress "
            "rules are here as well, about answers to what they let in. On plain switches each tier has its "
            "list's items, about each packet.",
            (Table.ANSWER,),
            {},
            range(65_536),
        ),
        Stage(
            Table.ANSWER,
            "ARP requests and neighbour solicitations are answered here, never flooded, those for "
            "public addresses too; frames to the gateway's MAC are routed, all others forwarded.",
            (Table.ANSWER_ND, Table.ROUTE, Table.FORWARD, Table.DELIVER, Table.PUNT),
            {"own": 700, "answer": 600, "unanswered": 500, "gateway": 400, "other": 0},
        ),
        Stage(
            Table.ANSWER_ND,
            "The answer to a neighbour solicitation gets its link-layer option, which can only be "
            "written once it is an advertisement. One from a public network goes back there.",
            (Table.DELIVER,),
            {"public": 600, "advertisement": 500},
        ),
        Stage(
            Table.ROUTE,
            "Frames to a gateway: its echo is answered, questions for names go to the controller, spent TTLs "
            "are reported, and the "
            "destination's prefix decides the next network, or a static route. What is for none of them goes "
            "to the gateway that has the router's public addresses, and so does what members say from those.",
            (
                Table.INNER,
                Table.LEAVE,
                Table.MTU,
                Table.NEXT_HOP,
                Table.TRANSIT,
                Table.DELIVER,
                Table.PUNT,
            ),
            {"echo": 800, "names": 750, "not routed": 700, "ttl": 600, "direct": 560, "balancer": 550}
            | {"prefix": 500, "route": 450, "outside": 400},
        ),
        Stage(
            Table.INNER,
            "For a balancer inside of a network, at the edge of whoever asks: what belongs to a known "
            "connection goes to its member, what begins one gets a slot; a member that asks gets "
            "another one. Who speaks from a balancer's address asks none.",
            (Table.CLIENTS, Table.KEPT, Table.BALANCE, Table.MEMBER, Table.NEXT_HOP),
            {"invalid": 800, "ending": 750, "known": 700, "direct": 650, "member": 600, "balancer": 500},
        ),
        Stage(
            Table.LEAVE,
            "At the gateway, from inside: the packet's connection is looked up in the router's zone, or in "
            "that of the private gateway to its destination, and the source of a known one translated; of "
            "IPv6, which is routed as it is, that of balancers alone. On plain switches static NAT is all "
            "there is, and what members of balancers answer, by their addresses and ports.",
            (Table.EGRESS, Table.UPLINK),
            {"spent": 600, "neighbours": 560, "route": 550, "balanced": 545, "static": 540}
            | {"associated": 530, "network": 500},
        ),
        Stage(
            Table.EGRESS,
            "May it leave? What belongs to a known connection may; of others the network's egress rules "
            "decide, and of IPv6 those of its IPv6 firewall. A VPC's tiers have their lists of rules "
            "instead, and so have private gateways. Connections that others announce (those of FTP) may "
            "leave as well. Where a network cuts connections, each packet is judged as the one that began "
            "its connection would be now, so that it ends with its rule.",
            (Table.EGRESS_RULES, Table.SOURCE_NAT, Table.UPLINK),
            {
                "invalid": 65_000,
                "announced": 64_500,
                "private later fragment": 64_400,
                "private judged": 64_200,
                "known": 64_000,
                "later fragment": 63_000,
                "private": 62_000,
                "default": 400,
            },
            RULES,
        ),
        Stage(
            Table.EGRESS_RULES,
            "At a private gateway: its list's rules about what leaves the VPC, as in FROM_RULES; and about "
            "answers to what they let in, where a tier cuts connections.",
            (Table.SOURCE_NAT,),
            {},
            range(65_536),
        ),
        Stage(
            Table.SOURCE_NAT,
            "Under which address? A NIC with static NAT under its own, all others of a router under that of "
            "its source NAT; IPv6 under its own. New connections become known. What belongs to one of a "
            "balancer's goes on as long as that has its member, and is counted, for `leastconn` also what "
            "opens and ends it; to one of a forwarded port, where the network cuts connections, as long as "
            "that leads to the same machine and port. What members say from a balancer's address and is no "
            "answer goes nowhere, nor what machines on its router ask them there.",
            (Table.UPLINK,),
            {"direct": 950, "known private": 900, "new private": 800, "direct inside": 750}
            | {"new static": 700, "static": 600, "opening": 570}
            | {"ending": 560, "balanced": 550, "forwarded": 540, "cut": 530, "known": 500}
            | {"associated": 460, "new announcing": 450, "new": 400},
        ),
        Stage(
            Table.UPLINK,
            "To the public network of the source address, by its gateway there; what is for a public "
            "address of this switch turns round. IPv6 goes to that of the router's first address. By a "
            "private gateway to the next hop for the destination.",
            (Table.ENTER,),
            {"neighbours": 800, "route": 700, "turn": 600, "address": 500, "routed": 400},
        ),
        Stage(
            Table.ENTER,
            "At the gateway, for a public address: whose it is decides the router, in whose zone the "
            "connection is looked up and the destination of a known one translated. That of static NAT "
            "is translated before. IPv6 is for the router whose MAC address it has, and one of its "
            "networks; it does not come from inside. What is for the MAC address of a private gateway is for "
            "its VPC, and does not come from there either. Spent TTLs are reported. On plain switches what "
            "is for a balancer gets the member's port, and its number in place of the network's.",
            (Table.INGRESS, Table.BALANCE, Table.INWARD, Table.PUNT),
            {"spent": 600, "forged": 560, "private": 550, "balancer": 510, "address": 500, "routed": 400},
        ),
        Stage(
            Table.INGRESS,
            "May it come in? What belongs to a known connection may; of others the address's firewall "
            "rules decide, and of IPv6 those of the network's IPv6 firewall. To a VPC all may, up to the "
            "tiers' lists of rules. Connections that others announce (those of FTP) may come in as well. "
            "Where a network cuts connections, as in EGRESS.",
            (Table.INGRESS_RULES, Table.DESTINATION_NAT, Table.INWARD),
            {"invalid": 65_000, "announced": 64_500, "private later fragment": 64_400}
            | {"private judged": 64_200, "known": 64_000, "private": 62_000, "vpc": 500, "default": 400},
            RULES,
        ),
        Stage(
            Table.INGRESS_RULES,
            "At a private gateway: its list's rules about what comes into the VPC, as in TO_RULES; and "
            "about answers as in EGRESS_RULES.",
            (Table.INWARD,),
            {},
            range(65_536),
        ),
        Stage(
            Table.DESTINATION_NAT,
            "Whom is it for? Forwarded ports have their NICs, and an address with static NAT has one; what "
            "is for a balancer gets one of its slots; a ping of any other address is answered. Other IPv6 "
            "has its destination already. New connections become known. What belongs to one of a balancer's "
            "or of a forwarded port is as in SOURCE_NAT.",
            (Table.CLIENTS, Table.KEPT, Table.BALANCE, Table.INWARD, Table.MTU, Table.NEXT_HOP),
            {
                "ending": 660,
                "balanced": 650,
                "forwarded": 640,
                "cut": 630,
                "known": 600,
                "forward": 500,
                "balancer": 450,
                "no balancer": 420,
                "static": 400,
                "routed": 350,
                "echo": 300,
            },
        ),
        Stage(
            Table.CLIENTS,
            "Which member had the client? Flows that the switch learns in BALANCE, one for each client of a "
            "balancer that remembers them; they end when the client begins no connection for as long as it "
            "is to be remembered.",
            (),
            {"client": 500, "unknown": 0},
        ),
        Stage(
            Table.KEPT,
            "Does that member still take connections? Then the client has it again.",
            (Table.BALANCE, Table.MEMBER),
            {"member": 500, "other": 0},
        ),
        Stage(
            Table.BALANCE,
            "Which member has the slot? A block of slots has a flow. Where clients are remembered, CLIENTS "
            "learns that this one has it. On plain switches the slot is the lowest bits of the source.",
            (Table.MEMBER, Table.INWARD),
            {"slots": 500},
        ),
        Stage(
            Table.MEMBER,
            "Where is the member? The connection becomes known as this member's, by its mark, and stays "
            "with it.",
            (Table.INWARD, Table.MTU, Table.NEXT_HOP),
            {"outside": 600, "member": 500},
        ),
        Stage(
            Table.INWARD,
            "The router's network with the destination, or with what a static route to it leads by. Where "
            "public networks carry larger packets than it does, they are measured.",
            (Table.MTU, Table.NEXT_HOP),
            {"prefix": 500, "route": 400},
        ),
        Stage(
            Table.MTU,
            "A packet larger than the next network's MTU is reported, all others go on. One from outside is "
            "translated by now; the controller's answer passes LEAVE to UPLINK, where that is undone.",
            (Table.NEXT_HOP, Table.PUNT),
            {"too big": 500, "fits": 0},
        ),
        Stage(
            Table.NEXT_HOP,
            "The receiver's MAC address for a routed packet, which loses one hop and comes from the gateway. "
            "With direct return what is for a balancer gets that of the member with its connection's mark.",
            (Table.FORWARD,),
            {"direct": 600, "nic": 500, "route": 400},
        ),
        Stage(
            Table.FORWARD,
            "Which switch is the receiver on? Remote NICs get a label, a tunnel or a VLAN; group "
            "addresses are replicated to the network's members; what is not remote is delivered "
            "here.",
            (Table.TRANSIT, Table.BACK),
            {"nic": 500, "flood": 400, "local flood": 300, "local": 0},
        ),
        Stage(
            Table.TRANSIT,
            "By which port? Labels follow the shortest paths, or a detour where links are dead; "
            "other transports leave by the underlay's port.",
            (),
            {"label": 500, "routed": 400, "underlay": 300},
        ),
        Stage(
            Table.BACK,
            "to_port: what a member of a balancer inside of a network answers comes from the balancer again; "
            "of SCTP what it says from one of the balancer's ports. With direct return it comes from there "
            "already, and its connection is looked up all the same.",
            (Table.BACK_STATE, Table.TO_GUARD),
            {"direct": 530, "asking": 520, "associated": 510, "answer": 500, "other": 0},
        ),
        Stage(
            Table.BACK_STATE,
            "to_port: an answer of a balancer's member is counted; one that belongs to a connection without "
            "its member goes nowhere, nor what a member says from the balancer's address unasked.",
            (Table.TO_GUARD,),
            {"opening": 610, "ending": 600, "member": 500, "direct": 450, "other": 400},
        ),
        Stage(
            Table.TO_GUARD,
            "to_port: does the packet stand under rules of its receiver? Those of a tier's list are about "
            "what its router sends it. Answers of the network itself do not come here. What is for a "
            "balancer with direct return is judged packet by packet.",
            (Table.TO_STATE, Table.TO_RULES, Table.DELIVER),
            {"direct": 550, "nic": 500, "tier": 400, "other": 0},
        ),
        Stage(
            Table.TO_STATE,
            "to_port: as in FROM_STATE.",
            (Table.TO_RULES, Table.DELIVER),
            {"invalid": 800, "known": 700, "later fragment": 600, "judged": 550, "new": 500},
        ),
        Stage(
            Table.TO_RULES,
            "to_port: ingress rules, as in FROM_RULES; without any rule nothing may come in.",
            (Table.DELIVER,),
            {},
            range(65_536),
        ),
        Stage(
            Table.DELIVER,
            "to_port: the receiver's port, with its VLAN on a trunk, by a meter if the receiver has a rate "
            "limit; nothing but a packet that was answered or routed here leaves where it came in.",
            (),
            {"turned": 600, "nic": 500, "flood": 400},
        ),
        Stage(
            Table.PUNT,
            "To the controller, with the reason in the metadata, behind one meter per port where there "
            "are meters. What comes from outside with a spent TTL has one of its own, and so has what is too "
            "large for where it goes.",
            (),
            {"too big": 700, "spent": 600, "port": 500},
        ),
    )
}


_GUARDS = frozenset(
    (table, STAGES[table].priorities[guard])
    for table, guard in ((Table.FROM_GUARD, "nic"), (Table.TO_GUARD, "direct"), (Table.TO_GUARD, "nic"))
)
_RULES = frozenset((Table.FROM_RULES, Table.EGRESS_RULES, Table.INGRESS_RULES, Table.TO_RULES))


def flow(
    table: Table,
    priority: str | int,
    match: Match,
    actions: tuple[Action, ...] = (),
    *,
    metadata: tuple[int, int] | None = None,
    goto: Table | None = None,
) -> Flow:
    """A flow at a named priority, or at one of the numbered ones.

    Raises ValueError for an edge that the pipeline does not allow.
    """
    number, level, following = _placed(table, priority, goto)
    return Flow(number, level, match, actions, metadata, following)


@lru_cache(maxsize=4096)
def _placed(table: Table, priority: str | int, goto: Table | None) -> tuple[int, int, int | None]:
    """Table, priority and next table as numbers, once they are looked up and checked."""
    stage = STAGES[table]
    if goto is not None and goto not in stage.next:
        raise ValueError(f"no edge from {table.name} to {goto.name}")
    if isinstance(priority, int) and priority not in stage.numbered:
        raise ValueError(f"{table.name}: no rule has the priority {priority} there")
    level = priority if isinstance(priority, int) else stage.priorities[priority]
    return int(table), level, None if goto is None else int(goto)


def is_learnt(entry: FlowEntry) -> bool:
    """Whether a flow is one that switches learn by themselves: nobody compiles it, it ends by itself.

    Its cookie is the number of its balancer, which the hashes of compiled flows are not.
    """
    place = (entry.table, entry.priority)
    return place == (Table.CLIENTS, STAGES[Table.CLIENTS].priorities["client"]) and entry.cookie in _NUMBERS


def narrows(entry: FlowEntry) -> bool:
    """Whether a flow only ever keeps packets from what flows of lower priority would do with them.

    It drops them, or has rules asked about them; or it is a clause, which by itself does nothing.
    """
    return (
        not entry.instructions
        or (entry.table, entry.priority) in _GUARDS
        or (entry.table in _RULES and says_clauses(entry.instructions))
    )


def punt(table: Table, priority: str, match: Match, reason: Punt) -> Flow:
    """A flow that sends to the controller through PUNT."""
    return flow(table, priority, match, metadata=REASON.of(reason), goto=Table.PUNT)


def punt_of(table: int, metadata: int) -> Punt:
    """Why a packet-in came. Raises ValueError for a reason that is none."""
    reason = REASON.read(metadata)
    if reason == 0 and table == Table.NEXT_HOP:
        return Punt.TTL_EXCEEDED
    return Punt(reason)


def _check() -> None:
    if set(STAGES) != set(Table):
        raise ValueError("every table needs a stage")
    for stage in STAGES.values():
        if any(following <= stage.table for following in stage.next):
            raise ValueError(f"{stage.table.name}: packets only go to later tables")
        numbers = list(stage.priorities.values())
        if numbers != sorted(set(numbers), reverse=True) or set(numbers) & set(stage.numbered):
            raise ValueError(f"{stage.table.name}: priorities must differ and stand highest first")
    taken = 0
    for subfield in METADATA:
        if taken & subfield.mask:
            raise ValueError(f"metadata: {subfield.name} overlaps another subfield")
        taken |= subfield.mask
    if taken != (1 << 64) - 1:
        raise ValueError("metadata: bits are left over")


_check()
