"""Where NICs are plugged in, and why one is not served there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import METERED_NICS, SWITCH_METERS
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.mirrored import lets_all, versions_of
from sdn_orch.intent.model import Attachment, Link, Network, Nic, Switch, SwitchRole
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
    """Where an active NIC is plugged in; `refusal` says why nothing is programmed for it there, if so."""

    switch_id: str
    port: int
    vlan: int | None
    refusal: str = ""


def find_place(snapshot: Snapshot, nic: Nic, obstacle: Obstacle) -> Place | None:
    """Where a NIC is plugged in, by the records alone; None if nowhere or not active."""
    attachments = snapshot.where(Attachment, "nic_id", nic.id)
    if not attachments or not nic.active:
        return None
    attachment = attachments[0]
    refusal = _refusal(snapshot, nic, attachment, obstacle)
    return Place(attachment.switch_id, attachment.port, attachment.vlan, refusal)


def _refusal(snapshot: Snapshot, nic: Nic, attachment: Attachment, obstacle: Obstacle) -> str:
    switch = snapshot.need(Switch, attachment.switch_id)
    end = (switch.id, attachment.port)
    if switch.role is not SwitchRole.EDGE:
        return f"switch {switch.name} is not an edge"
    if attachment.port == switch.underlay or snapshot.where(Link, "ports", end):
        return f"port {attachment.port} of switch {switch.name} leads to other switches"
    if attachment.port == switch.public_port:
        return f"port {attachment.port} of switch {switch.name} leads to the public networks"
    if attachment.port >= SWITCH_METERS:
        return f"port {attachment.port} of switch {switch.name} is above {SWITCH_METERS - 1}"
    if addresses.is_reserved(mac_number(nic.mac)):
        return f"MAC address {nic.mac} is one of those kept for gateways"
    if reason := _unguarded(snapshot, nic, switch, attachment, obstacle):
        return reason
    if limit_of(snapshot, nic) is not None and (reason := _unmetered(snapshot, switch, nic)):
        return reason
    for rival in rivals(snapshot, nic, attachment):
        # Whoever has the lower number keeps a place that two want.
        if rival.number < nic.number and rival.active:
            return f"port {attachment.port} of switch {switch.name} is taken by NIC {rival.id}"
    return ""


def _unguarded(
    snapshot: Snapshot, nic: Nic, switch: Switch, attachment: Attachment, obstacle: Obstacle
) -> str:
    """Why a NIC that stands under rules cannot be guarded: its connections are not told, or not apart."""
    policy = policy_of(snapshot, nic)
    if policy is None:
        return ""
    if not switch.capabilities.open_vswitch:
        if policy.kind is PolicyKind.LIST:
            return obstacle(policy.id, versions_of(snapshot.need(Network, nic.network_id)))
        return "" if lets_all(snapshot, policy) else UNGROUPED
    if attachment.vlan is None and attachment.port > LARGEST_GUARDED_PORT:
        return (
            f"port {attachment.port} of switch {switch.name} has no rules: it is above {LARGEST_GUARDED_PORT}"
        )
    for trunk in attachment.trunks:
        for other in snapshot.where(Attachment, "trunks", trunk):
            if other.port != attachment.port:
                behind = f"VLAN {attachment.vlan} is behind port {other.port} of switch {switch.name} too"
                return f"{behind}: their connections could not be told apart"
    return ""


def _unmetered(snapshot: Snapshot, switch: Switch, nic: Nic) -> str:
    """Why a NIC cannot be held to its limit on a switch."""
    if not switch.capabilities.meters:
        return f"rate limits need meters, and switch {switch.name} has none"
    for other in sharing_meters(snapshot, nic, nic.number):
        attachment = snapshot.first(Attachment, "nic_id", other.id)
        is_here = other.active and attachment is not None and attachment.switch_id == switch.id
        if is_here and limit_of(snapshot, other) is not None:
            return f"its rate limit needs meters that NIC {other.id} has on switch {switch.name}"
    return ""


def sharing_meters(snapshot: Snapshot, nic: Nic, below: int = Nic.LARGEST_NUMBER + 1) -> Iterator[Nic]:
    """The other NICs, with numbers below this one, that would have the same meters."""
    for number in range(nic.number % METERED_NICS, below, METERED_NICS):
        other = snapshot.numbered(Nic, number)
        if other is not None and other.id != nic.id:
            yield other


def rivals(snapshot: Snapshot, nic: Nic, attachment: Attachment) -> Iterator[Nic]:
    """The NICs that cannot share a port with this one.

    A place (a port, or a VLAN of a trunk) says which network a frame is in, and a network has one place on
    a port, so that its frames need not leave where they came in.
    """
    for other in snapshot.where(Attachment, "ports", (attachment.switch_id, attachment.port)):
        theirs = snapshot.need(Nic, other.nic_id)
        if (other.vlan == attachment.vlan) != (theirs.network_id == nic.network_id):
            yield theirs
