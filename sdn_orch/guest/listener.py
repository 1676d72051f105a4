"""TCP services of guests at work: packets from switches in, segments of a responder out.

Who speaks is found as for every guest service; a connection belongs to that NIC alone, and what is sent
later goes to where the NIC is by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.dispatch import speaker, to_guest
from sdn_orch.guest.frame import IPV4, IPV6, ethernet
from sdn_orch.guest.guest import Guest, gateway_mac, guest_of
from sdn_orch.guest.segment import Segment, packet_of, read_tcp
from sdn_orch.guest.tcp import Peer, Responder
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.southbound.base import Datapath, PacketIn


class Listener:
    """See the module. To be used by one thread."""

    def __init__(self, snapshot: Callable[[], Snapshot], reasons: Set[Punt], responder: Responder) -> None:
        """`reasons` are those of the packets which may be for the responder."""
        self._snapshot = snapshot
        self._reasons = reasons
        self._responder = responder
        self._datapaths: dict[int, Datapath] = {}

    def receive(self, datapath: Datapath, packet: PacketIn, now: float) -> None:
        """Answer a packet, if it is TCP, for a service of this, and from whom it says."""
        found = speaker(self._snapshot(), packet, self._reasons)
        if found is None:
            return
        guest, ip = found
        segment = read_tcp(ip)
        if segment is None or not any(own.packed == ip.source for own in guest.nic.addresses):
            return
        self._datapaths[packet.dpid] = datapath
        peer = Peer(guest.nic.id, ip.source, segment.source, ip.destination, segment.destination)
        self._send(peer, guest, self._responder.receive(peer, segment, now))

    def tick(self, now: float) -> None:
        """Send what is to be sent again by now."""
        for peer, segment in self._responder.due(now):
            self._say(peer, (segment,))

    def tell(self, peer: Peer, answer: bytes, now: float) -> None:
        """Send an answer that was to come later."""
        self._say(peer, self._responder.tell(peer, answer, now))

    def _say(self, peer: Peer, segments: Iterable[Segment]) -> None:
        """Send to a NIC where it is now, if it takes part."""
        if (guest := guest_of(self._snapshot(), peer.nic_id)) is not None:
            self._send(peer, guest, segments)

    def _send(self, peer: Peer, guest: Guest, segments: Iterable[Segment]) -> None:
        switch = self._snapshot().get(Switch, guest.attachment.switch_id)
        datapath = self._datapaths.get(switch.dpid) if switch is not None else None
        for segment in segments:
            packet = packet_of(peer.server, peer.address, segment)
            ethertype = IPV4 if len(peer.address) == 4 else IPV6
            sent = to_guest(guest, ethernet(guest.mac, gateway_mac(guest.network), ethertype, packet))
            if sent is None or not sent.send(datapath):
                return
