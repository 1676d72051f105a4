"""Who has an address now, told to those who may know it as somebody else's.

A proxy has an address of its network that a machine may be given later, or has had before. Those that spoke
with the one would send to its MAC address what is for the other, until they ask again: half a minute, where
they are Linux. They are the members of balancers that have a proxy; to each of them alone it is said by ARP,
which nobody else sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sdn_orch.guest.dispatch import to_guest
from sdn_orch.guest.frame import arp_reply, mac_bytes
from sdn_orch.guest.guest import Guest
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.model import Attachment, Network, Nic
from sdn_orch.intent.proxies import needs_proxy
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.southbound.base import PacketOut

#: Seconds after the NIC has come at which it is said: again when what was learnt just before counts no more.
AT: Final = (0.0, 1.0)


def to_members(snapshot: Snapshot, attachment: Attachment) -> Iterator[tuple[str, PacketOut]]:
    """The frames that say whose a NIC's IPv4 addresses are, each with the id of the switch that sends it."""
    nic = snapshot.get(Nic, attachment.nic_id)
    if nic is None or not nic.active or nic.ipv4 is None:
        return
    network = snapshot.need(Network, nic.network_id)
    for each in sorted(_served_by_proxies(snapshot, network) - {nic.id}):
        member = snapshot.need(Nic, each)
        for place in snapshot.where(Attachment, "nic_id", each) if member.active and member.ipv4 else ():
            guest = Guest(member, network, place)
            for address in (nic.ipv4, *nic.secondary4):
                packet = to_guest(guest, _said(nic, address.packed, guest))
                if packet is not None:
                    yield place.switch_id, packet


def _served_by_proxies(snapshot: Snapshot, network: Network) -> set[str]:
    """The NICs of members of balancers that need a proxy in the network."""
    return {
        member.nic_id
        for balancer in snapshot.where(Balancer, "network_id", network.id)
        if needs_proxy(snapshot, balancer)
        for member in snapshot.where(Member, "balancer_id", balancer.id)
    }


def _said(nic: Nic, address: bytes, to: Guest) -> bytes:
    own = to.nic.ipv4.packed if to.nic.ipv4 is not None else bytes(4)
    return arp_reply(to.mac, mac_bytes(nic.mac), address, to.mac + own)
