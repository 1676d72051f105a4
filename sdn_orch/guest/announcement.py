"""Where a NIC is, told to a VLAN underlay: its switches learn MAC addresses, and must learn that one moved.

A machine that moves says so by RARP (QEMU) or ARP, which edges do not let through; and one that only listens
says nothing. So the controller says it in the machine's name, as a hypervisor would, and a few times: the
underlay may lose it, or see a last frame from the old place.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sdn_orch.guest import succession
from sdn_orch.guest.frame import ethernet, mac_bytes, tagged
from sdn_orch.intent.model import Attachment, Network, Nic, Switch, SwitchRole, Transport
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import Output
from sdn_orch.southbound.base import Datapath, PacketOut

#: Seconds after the NIC has come at which it is announced.
AT: Final = (0.0, 0.1, 0.2, 0.5, 1.0)
RARP: Final = 0x8035
_EVERYBODY = bytes.fromhex("ffffffffffff")
#: Hardware Ethernet, protocol IPv4, their address lengths, "who am I?" (RFC 903).
_WHO_AM_I = bytes.fromhex("0001080006040003")
#: The shortest frame without its checksum.
_SHORTEST = 60


def announcement(snapshot: Snapshot, attachment: Attachment) -> PacketOut | None:
    """The frame that tells the underlay of a NIC's switch; None where no underlay learns."""
    switch = snapshot.get(Switch, attachment.switch_id)
    nic = snapshot.get(Nic, attachment.nic_id)
    network = snapshot.get(Network, nic.network_id) if nic is not None and nic.active else None
    if nic is None or network is None or network.vlan is None or switch is None or switch.underlay is None:
        return None
    if switch.role is not SwitchRole.EDGE or switch.transport is not Transport.VLAN:
        return None
    mac = mac_bytes(nic.mac)
    asking = _WHO_AM_I + mac + bytes(4) + mac + bytes(4)
    frame = ethernet(_EVERYBODY, mac, RARP, asking).ljust(_SHORTEST, b"\0")
    return PacketOut((Output(switch.underlay),), tagged(frame, network.vlan))


def to_underlay(snapshot: Snapshot, attachment: Attachment) -> Iterator[tuple[str, PacketOut]]:
    """The frame, if there is one, with the id of the switch that sends it."""
    packet = announcement(snapshot, attachment)
    if packet is not None:
        yield attachment.switch_id, packet


#: What is said of a NIC that comes, and how many seconds later each time.
_SAID = ((to_underlay, AT), (succession.to_members, succession.AT))


class Announcer:
    """Announces attachments that are noted, to all who have to know. Not for several threads."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], datapath_of: Callable[[int], Datapath | None]
    ) -> None:
        """`datapath_of` gives the session of a switch by its dpid, if there is one."""
        self._snapshot = snapshot
        self._datapath_of = datapath_of
        self._waiting: list[tuple[float, int, str]] = []

    def note(self, attachment_ids: Iterable[str], now: float) -> None:
        """NICs have come to their places, at `now` in monotonic seconds."""
        snapshot = self._snapshot()
        for attachment_id in attachment_ids:
            attachment = snapshot.get(Attachment, attachment_id)
            if attachment is None:
                continue
            for what, (said, times) in enumerate(_SAID):
                if next(said(snapshot, attachment), None) is not None:
                    for pause in times:
                        heapq.heappush(self._waiting, (now + pause, what, attachment_id))
        self.tick(now)

    def tick(self, now: float) -> int:
        """Announce what is due by `now`; how many frames."""
        sent = 0
        while self._waiting and self._waiting[0][0] <= now:
            _, what, attachment_id = heapq.heappop(self._waiting)
            sent += self._announce(what, attachment_id)
        return sent

    def _announce(self, what: int, attachment_id: str) -> int:
        snapshot = self._snapshot()
        attachment = snapshot.get(Attachment, attachment_id)
        packets = _SAID[what][0](snapshot, attachment) if attachment is not None else ()
        return sum(
            packet.send(self._datapath_of(snapshot.need(Switch, switch_id).dpid))
            for switch_id, packet in packets
        )
