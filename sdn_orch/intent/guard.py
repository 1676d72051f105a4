"""Whether the rules that a NIC stands under let a packet pass, and which conversations they let through.

A part of `meaning`. The rules are about who begins; what belongs to a conversation that was let through may
pass both ways, in networks that cut connections as long as it could begin. With direct return they are about
each packet that a member is sent for its balancer, and its answers pass: several members have that address,
and whoever knows the conversation looks at what they say. Where nobody knows conversations
the rules are about each packet, and only such are there for which that is the same (see `mirrored`).
"""

from __future__ import annotations

from sdn_orch.intent.direct import answering, asked
from sdn_orch.intent.model import Nic, Switch
from sdn_orch.intent.outside import Begun, Conversations, is_about, words_of
from sdn_orch.intent.packet import LATER_FRAGMENT, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, Packet
from sdn_orch.intent.policy import Policy, PolicyKind, items, policy_of, rules
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction, Verdict
from sdn_orch.intent.verdict import place_of

_NEIGHBOURS = (NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT)


def passes(
    snapshot: Snapshot, nic: Nic, direction: Direction, packet: Packet, memory: Conversations, *, routed: bool
) -> bool:
    """Whether a NIC may send, or receive, a packet; `routed`: its router takes it on, or gives it."""
    policy = policy_of(snapshot, nic)
    if policy is None or ("ipv4_src" not in packet and "ipv6_src" not in packet):
        return True
    if policy.kind is PolicyKind.LIST and not routed:
        return True
    # Addresses are resolved whatever the rules say.
    if direction is Direction.EGRESS and packet.get("icmpv6_type") in _NEIGHBOURS:
        return True
    if not _tracks(snapshot, nic):
        return lets(snapshot, policy, direction, packet)
    if direction is Direction.EGRESS and answering(snapshot, nic, packet) is not None:
        return True
    if direction is Direction.INGRESS and asked(snapshot, nic, packet) is not None:
        return lets(snapshot, policy, direction, packet)
    words = words_of(packet)
    if words is None:
        return False
    known, key = memory.at(nic.id), (words.protocol, frozenset((words.source, words.destination)))
    begun = known.get(key)
    if begun is not None and begun.heard(words):
        # An answer stands under the rules about what it answers.
        began = direction if begun.is_by(words) else direction.other
        return not policy.cuts or lets(snapshot, policy, began, begun.first)
    if begun is None and words.is_reply:
        return False
    # Nobody relies on it yet, and a later fragment does not tell its ports.
    if packet["ip_frag"] == LATER_FRAGMENT:
        return True
    first = begun.first if begun is not None and policy.cuts else packet
    if not lets(snapshot, policy, direction, first):
        return False
    known.setdefault(key, Begun(packet))
    return True


def _tracks(snapshot: Snapshot, nic: Nic) -> bool:
    """Whether the switch of a NIC knows conversations."""
    place = place_of(snapshot, nic)
    return place is not None and snapshot.need(Switch, place.switch_id).capabilities.open_vswitch


def lets(snapshot: Snapshot, policy: Policy, direction: Direction, packet: Packet) -> bool:
    """Whether the rules let somebody begin with this packet."""
    if policy.kind is PolicyKind.LIST:
        listed = items(snapshot, policy.id, direction)
        for item in listed:
            if is_about(item, packet):
                return item.verdict is Verdict.ALLOW
        return direction is Direction.EGRESS and not listed
    found = list(rules(snapshot, policy, direction))
    if direction is Direction.EGRESS and not found:
        return True
    return any(is_about(rule, packet) and _is_peer(snapshot, rule, packet) for rule in found)


def _is_peer(snapshot: Snapshot, rule: SecurityRule, packet: Packet) -> bool:
    """Whether the far side has an address of the rule's group, where it names one."""
    if rule.peer_id is None:
        return True
    end = "src" if rule.direction is Direction.INGRESS else "dst"
    version = 4 if "ipv4_src" in packet else 6
    far = packet[f"ipv{version}_{end}"]
    return any(
        nic.active and address.version == version and int(address) == far
        for nic in snapshot.where(Nic, "group_ids", rule.peer_id)
        for address in nic.addresses
    )
