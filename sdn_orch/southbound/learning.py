"""Where a NIC is, from its first packet: on ports that are configured for that, or where it is awaited."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

from sdn_orch.intent.model import Arrival, Attachment, Network, Nic, Source, Switch
from sdn_orch.intent.snapshot import Change, Put, Snapshot

_VLAN_TAG = b"\x81\x00"


@dataclass(frozen=True, slots=True)
class Learned:
    """The changes that bind a NIC, or why there are none; of a NIC that is there already, neither."""

    changes: tuple[Change, ...] = ()
    refusal: str = ""


def learn(snapshot: Snapshot, dpid: int, port: int, frame: bytes) -> Learned:
    """What a frame that came in at a learn port, and belongs to nobody there, says of where a NIC is.

    Its source MAC must be that of exactly one active NIC that a better source has not put elsewhere. Where
    several networks have that MAC, the VLAN of the frame must be that of one of them. A NIC that was
    learned elsewhere moves.
    """
    switch = snapshot.first(Switch, "dpid", dpid)
    if switch is None or port not in switch.learn_ports or len(frame) < 14:
        return Learned()
    mac = frame[6:12].hex(":")
    is_tagged = frame[12:14] == _VLAN_TAG and len(frame) >= 18
    vlan = ((frame[14] << 8 | frame[15]) & 0xFFF if is_tagged else 0) or None
    place = f"port {port} of switch {switch.name}" + (f" behind VLAN {vlan}" if vlan else "")
    registered = [nic for nic in snapshot.where(Nic, "mac", mac) if nic.active]
    if not registered:
        return Learned(refusal=f"{mac} at {place}: no active NIC has this MAC address")
    found = [nic for nic in registered if _may_learn(snapshot, nic)]
    if not found:
        return Learned(refusal=f"{mac} at {place}: NIC {registered[0].id} is known to be elsewhere")
    if len(found) > 1 and vlan is not None:
        found = [nic for nic in found if snapshot.need(Network, nic.network_id).vlan == vlan] or found
    if len(found) > 1:
        ids = ", ".join(nic.id for nic in found)
        return Learned(refusal=f"{mac} at {place}: it may be any of NICs {ids}")
    nic = found[0]
    if reason := _occupied(snapshot, switch, port, vlan, nic):
        return Learned(refusal=f"{mac} at {place}: {reason}")
    there = snapshot.first(Attachment, "nic_id", nic.id)
    before = there or Attachment(id=str(uuid4()), nic_id=nic.id, switch_id=switch.id, port=port)
    after = replace(before, switch_id=switch.id, port=port, vlan=vlan, source=Source.FIRST_PACKET)
    return Learned() if after == there else Learned((Put(after),))


def arrived(snapshot: Snapshot, dpid: int, port: int, frame: bytes) -> tuple[Put, ...]:
    """What follows when a NIC was awaited where a frame came in, if the frame is its own: it is there.

    Where it was it is awaited from now on, as it may come back; but it may not send from both places.
    """
    switch = snapshot.first(Switch, "dpid", dpid)
    mac = frame[6:12].hex(":")
    for arrival in snapshot.where(Arrival, "ports", (switch.id, port)) if switch is not None else ():
        there = snapshot.first(Attachment, "nic_id", arrival.nic_id)
        if there is not None and snapshot.need(Nic, arrival.nic_id).mac == mac:
            here = replace(there, switch_id=arrival.switch_id, port=arrival.port, vlan=None)
            left = replace(arrival, switch_id=there.switch_id, port=there.port, admitted=False)
            return Put(here), Put(left)
    return ()


def _may_learn(snapshot: Snapshot, nic: Nic) -> bool:
    """Whether it is nowhere yet, or only where a first packet put it."""
    return all(
        attachment.source is Source.FIRST_PACKET
        for attachment in snapshot.where(Attachment, "nic_id", nic.id)
    )


def _occupied(snapshot: Snapshot, switch: Switch, port: int, vlan: int | None, nic: Nic) -> str:
    """Why the place cannot take the NIC: it is that of another network."""
    for attachment in snapshot.where(Attachment, "ports", (switch.id, port)):
        other = snapshot.need(Nic, attachment.nic_id)
        if attachment.vlan == vlan and other.active and other.network_id != nic.network_id:
            return f"NIC {other.id} of another network is there"
    return ""
