"""From a packet that a switch sent up to the frame that goes back: who sent it, and which service answers.

Only packets with a reason (`Punt`) of a guest service are answered, and only with the service of that
reason; the sender is found by where the packet came in. Whatever does not fit together gets no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from sdn_orch.dataplane.pipeline import NETWORK, NO_PORT, PUBLIC_BIT, Punt, punt_of
from sdn_orch.guest import dhcp4, dhcp6, icmp, name_service, neighbour, outside, router_advertisement
from sdn_orch.guest.frame import ARP, Frame, Ip, read_frame, read_ip, tagged
from sdn_orch.guest.guest import Guest, routed_sender, sender
from sdn_orch.intent.model import Network, NetworkKind, Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import Output
from sdn_orch.southbound.base import PacketIn, PacketOut

#: Longer than any frame that a guest may send.
LONGEST_FRAME = 9216 + 18


_IP_SERVICES: dict[Punt, Callable[[Snapshot, Guest, Frame, Ip], bytes | None]] = {
    Punt.DHCP4: dhcp4.reply,
    Punt.DHCP6: dhcp6.reply,
    Punt.ROUTER_SOLICITATION: router_advertisement.reply,
    Punt.NEIGHBOUR_SOLICITATION: neighbour.answer_solicitation,
    Punt.GATEWAY_ECHO: lambda snapshot, guest, _frame, ip: icmp.echo_reply(snapshot, guest, ip),
}
_ROUTER_SERVICES = frozenset((Punt.TTL_EXCEEDED, Punt.TOO_BIG))
#: The reasons that are answered here, and by a listener (`listener.py`).
SERVICES = frozenset((Punt.ARP, Punt.DNS, Punt.METADATA, Punt.CHECK, *_IP_SERVICES, *_ROUTER_SERVICES))


def answer(
    snapshot: Snapshot, packet: PacketIn, forward: name_service.Forward = name_service.refuse
) -> PacketOut | None:
    """The answer to a packet, or None where nothing is to be said, or later: see `name_service.reply`."""
    came = _came(snapshot, packet)
    if came is None:
        return None
    reason, frame, switch = came
    if reason is Punt.TTL_EXCEEDED and NETWORK.read(packet.metadata) & PUBLIC_BIT:
        return outside.time_exceeded(snapshot, switch, packet, frame)
    if reason is Punt.TOO_BIG and packet.in_port in (switch.public_port, NO_PORT):
        return outside.too_big(snapshot, switch, packet, frame)
    network = _network(snapshot, packet)
    if network is None:
        return None
    if reason in _ROUTER_SERVICES:
        return _answer_routed(snapshot, switch, network, packet, reason, frame)
    guest = sender(snapshot, switch, packet.in_port, network, frame)
    if guest is None:
        return None
    if reason is Punt.ARP:
        found = neighbour.answer_arp(snapshot, guest, frame) if frame.ethertype == ARP else None
    else:
        ip = read_ip(frame)
        found = _answer_ip(snapshot, guest, reason, frame, ip, forward) if ip is not None else None
    return to_guest(guest, found)


def speaker(snapshot: Snapshot, packet: PacketIn, reasons: Set[Punt]) -> tuple[Guest, Ip] | None:
    """Who speaks IP to a service of one of these reasons, and its packet; None where anything else came."""
    came, network = _came(snapshot, packet), _network(snapshot, packet)
    if came is None or network is None or came[0] not in reasons:
        return None
    _, frame, switch = came
    guest, ip = sender(snapshot, switch, packet.in_port, network, frame), read_ip(frame)
    return None if guest is None or ip is None else (guest, ip)


def _came(snapshot: Snapshot, packet: PacketIn) -> tuple[Punt, Frame, Switch] | None:
    """Why the packet came, the frame, and from which switch."""
    try:
        reason = punt_of(packet.table, packet.metadata)
    except ValueError:
        return None
    if reason not in SERVICES or len(packet.frame) > LONGEST_FRAME:
        return None
    frame = read_frame(packet.frame)
    switch = snapshot.first(Switch, "dpid", packet.dpid)
    return None if frame is None or switch is None else (reason, frame, switch)


def _network(snapshot: Snapshot, packet: PacketIn) -> Network | None:
    """The tenant's network that the packet is in."""
    network = snapshot.numbered(Network, NETWORK.read(packet.metadata))
    return None if network is None or network.kind is NetworkKind.L2 else network


def _answer_ip(
    snapshot: Snapshot, guest: Guest, reason: Punt, frame: Frame, ip: Ip, forward: name_service.Forward
) -> bytes | None:
    if reason is Punt.DNS:
        return name_service.reply(snapshot, guest, ip, forward)
    service = _IP_SERVICES.get(reason)
    return service(snapshot, guest, frame, ip) if service is not None else None


def _answer_routed(
    snapshot: Snapshot, switch: Switch, network: Network, packet: PacketIn, reason: Punt, frame: Frame
) -> PacketOut | None:
    ip = read_ip(frame)
    guest = routed_sender(snapshot, switch, packet.in_port, network, ip.source) if ip is not None else None
    if ip is None or guest is None:
        return None
    if reason is Punt.TOO_BIG:
        return to_guest(guest, icmp.too_big(guest, ip, network.mtu))
    return to_guest(guest, icmp.time_exceeded(guest, ip))


def to_guest(guest: Guest, frame: bytes | None) -> PacketOut | None:
    """A frame out of the guest's port, behind its VLAN on a trunk; None stays None."""
    if frame is None:
        return None
    vlan = guest.attachment.vlan
    return PacketOut((Output(guest.attachment.port),), frame if vlan is None else tagged(frame, vlan))
