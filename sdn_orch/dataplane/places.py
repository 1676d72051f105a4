"""Where NICs are plugged in, and why one is not served there; and where one is served before it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import METERED_NICS, SWITCH_METERS
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.mirrored import lets_all, versions_of
from sdn_orch.intent.model import Arrival, Attachment, Link, Network, Nic, Switch, SwitchRole
from sdn_orch.intent.policy import PolicyKind, policy_of
from sdn_orch.intent.rates import limit_of
from sdn_orch.intent.snapshot import Snapshot

#: Access ports up to this one have a zone of connections for themselves.
LARGEST_GUARDED_PORT = 0x3FFF
#: Why a NIC in security groups cannot be at a plain switch.
UNGROUPED = "security groups that do not let everything through need connection tracking: Open vSwitch"
#: Why a list of rules, by its id, needs connection tracking for some versions of IP.
Obstacle = Callable[[str, tuple[int, ...]], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an active NIC is plugged in; `refusal` says why nothing is programmed for it there, if so.

    `is_ahead`: it is elsewhere still, and about to come here.
    """

    switch_id: str
    port: int
    vlan: int | None
    refusal: str = ""
    is_ahead: bool = False


def find_place(snapshot: Snapshot, nic: Nic, obstacle: Obstacle) -> Place | None:
    """Where a NIC is plugged in, by the records alone; None if nowhere or not active."""
    attachment = snapshot.first(Attachment, "nic_id", nic.id) if nic.active else None
    if attachment is None:
        return None
    at = Place(attachment.switch_id, attachment.port, attachment.vlan)
    return replace(at, refusal=_refusal(snapshot, nic, at, obstacle) or _taken(snapshot, nic, attachment))


def find_ahead(snapshot: Snapshot, nic: Nic, place: Place, obstacle: Obstacle) -> Place | None:
    """Where a NIC is programmed before it comes there from its place.

    Only beside a place that is programmed, on another switch, and where nobody would have to make way for it:
    who is there already keeps what he has until the NIC has come.
    """
    arrival = snapshot.first(Arrival, "nic_id", nic.id)
    if arrival is None or not arrival.admitted or place.refusal or arrival.switch_id == place.switch_id:
        return None
    # The controller gets copies of what it sends there.
    if not snapshot.need(Switch, arrival.switch_id).capabilities.open_vswitch:
        return None
    ahead = Place(arrival.switch_id, arrival.port, None, is_ahead=True)
    if _refusal(snapshot, nic, ahead, obstacle) or _is_taken(snapshot, nic, arrival):
        return None
    return ahead


def _refusal(snapshot: Snapshot, nic: Nic, at: Place, obstacle: Obstacle) -> str:
    """Why nothing can be programmed for a NIC at a place, whoever else is there."""
    switch = snapshot.need(Switch, at.switch_id)
    if switch.role is not SwitchRole.EDGE:
        return f"switch {switch.name} is not an edge"
    if at.port == switch.underlay or snapshot.where(Link, "ports", (switch.id, at.port)):
        return f"port {at.port} of switch {switch.name} leads to other switches"
    if at.port == switch.public_port:
        return f"port {at.port} of switch {switch.name} leads to the public networks"
    if at.port >= SWITCH_METERS:
        return f"port {at.port} of switch {switch.name} is above {SWITCH_METERS - 1}"
    if addresses.is_reserved(mac_number(nic.mac)):
        return f"MAC address {nic.mac} is one of those kept for gateways"
    if reason := _unguarded(snapshot, nic, switch, at, obstacle):
        return reason
    if limit_of(snapshot, nic) is not None and not switch.capabilities.meters:
        return f"rate limits need meters, and switch {switch.name} has none"
    return ""


def _unguarded(snapshot: Snapshot, nic: Nic, switch: Switch, at: Place, obstacle: Obstacle) -> str:
    """Why a NIC that stands under rules cannot be guarded: its connections are not told, or not apart."""
    policy = policy_of(snapshot, nic)
    if policy is None:
        return ""
    if not switch.capabilities.open_vswitch:
        if policy.kind is PolicyKind.LIST:
            return obstacle(policy.id, versions_of(snapshot.need(Network, nic.network_id)))
        return "" if lets_all(snapshot, policy) else UNGROUPED
    if at.vlan is None and at.port > LARGEST_GUARDED_PORT:
        return f"port {at.port} of switch {switch.name} has no rules: it is above {LARGEST_GUARDED_PORT}"
    for other in () if at.vlan is None else snapshot.where(Attachment, "trunks", (switch.id, at.vlan)):
        if other.port != at.port:
            behind = f"VLAN {at.vlan} is behind port {other.port} of switch {switch.name} too"
            return f"{behind}: their connections could not be told apart"
    return ""


def _taken(snapshot: Snapshot, nic: Nic, attachment: Attachment) -> str:
    """Which other NIC has a place, or what a NIC needs there; whoever has the lower number keeps it."""
    switch = snapshot.need(Switch, attachment.switch_id)
    for other in sharing_meters(snapshot, nic, nic.number) if limit_of(snapshot, nic) is not None else ():
        if _is_limited_at(snapshot, other, switch.id, snapshot.first(Attachment, "nic_id", other.id)):
            return f"its rate limit needs meters that NIC {other.id} has on switch {switch.name}"
    for rival in rivals(snapshot, nic, attachment):
        if rival.number < nic.number and rival.active:
            return f"port {attachment.port} of switch {switch.name} is taken by NIC {rival.id}"
    return ""


def _is_taken(snapshot: Snapshot, nic: Nic, arrival: Arrival) -> bool:
    """Whether another NIC has the place at which one arrives, or the meters that it needs there.

    Of two that arrive there, that with the lower number has it.
    """
    for other in sharing_meters(snapshot, nic) if limit_of(snapshot, nic) is not None else ():
        there = snapshot.first(Attachment, "nic_id", other.id)
        awaited = snapshot.first(Arrival, "nic_id", other.id) if other.number < nic.number else None
        if any(_is_limited_at(snapshot, other, arrival.switch_id, at) for at in (there, awaited)):
            return True
    if any(rival.active for rival in rivals(snapshot, nic, arrival)):
        return True
    others = (snapshot.need(Nic, each.nic_id) for each in snapshot.where(Arrival, "ports", arrival.ports[0]))
    return any(
        other.active and other.number < nic.number and other.network_id != nic.network_id for other in others
    )


def _is_limited_at(snapshot: Snapshot, nic: Nic, switch_id: str, at: Attachment | Arrival | None) -> bool:
    """Whether a NIC that is, or arrives, there has meters on this switch."""
    is_here = at is not None and at.switch_id == switch_id
    return nic.active and is_here and limit_of(snapshot, nic) is not None


def sharing_meters(snapshot: Snapshot, nic: Nic, below: int = Nic.LARGEST_NUMBER + 1) -> Iterator[Nic]:
    """The other NICs, with numbers below this one, that would have the same meters."""
    for number in range(nic.number % METERED_NICS, below, METERED_NICS):
        other = snapshot.numbered(Nic, number)
        if other is not None and other.id != nic.id:
            yield other


def rivals(snapshot: Snapshot, nic: Nic, at: Attachment | Arrival) -> Iterator[Nic]:
    """The NICs at a port that cannot share it with this one.

    A place (a port, or a VLAN of a trunk) says which network a frame is in, and a network has one place on
    a port, so that its frames need not leave where they came in.
    """
    vlan = at.vlan if isinstance(at, Attachment) else None
    for other in snapshot.where(Attachment, "ports", at.ports[0]):
        theirs = snapshot.need(Nic, other.nic_id)
        if (other.vlan == vlan) != (theirs.network_id == nic.network_id):
            yield theirs
