"""TCP services of guests at work: packets from switches in, segments of a responder out.

Who speaks is found as for every guest service; a connection belongs to that NIC alone, and what is sent
later goes to where the NIC is by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.dispatch import speaker, to_guest
from sdn_orch.guest.frame import IPV4, ethernet
from sdn_orch.guest.guest import Guest, gateway_mac
from sdn_orch.guest.segment import Segment, read_tcp, tcp4
from sdn_orch.guest.tcp import Peer, Responder
from sdn_orch.intent.model import Attachment, Network, Nic, Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.southbound.base import Datapath, PacketIn


class Listener:
    """See the module. To be used by one thread."""

    def __init__(self, snapshot: Callable[[], Snapshot], reason: Punt, responder: Responder) -> None:
        """`reason` is that of the packets which are for the responder."""
        self._snapshot = snapshot
        self._reason = reason
        self._responder = responder
        self._datapaths: dict[int, Datapath] = {}

    def receive(self, datapath: Datapath, packet: PacketIn, now: float) -> None:
        """Answer a packet, if it is for this service and from whom it says."""
        found = speaker(self._snapshot(), packet, self._reason)
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
            if (guest := self._find(peer.nic_id)) is not None:
                self._send(peer, guest, (segment,))

    def _send(self, peer: Peer, guest: Guest, segments: Iterable[Segment]) -> None:
        switch = self._snapshot().get(Switch, guest.attachment.switch_id)
        datapath = self._datapaths.get(switch.dpid) if switch is not None else None
        for segment in segments:
            packet = tcp4(peer.server, peer.address, segment)
            sent = to_guest(guest, ethernet(guest.mac, gateway_mac(guest.network), IPV4, packet))
            if sent is None or not sent.send(datapath):
                return

    def _find(self, nic_id: str) -> Guest | None:
        """Where a NIC is now, if it takes part."""
        snapshot = self._snapshot()
        nic = snapshot.get(Nic, nic_id)
        places = snapshot.where(Attachment, "nic_id", nic_id)
        network = snapshot.get(Network, nic.network_id) if nic is not None and nic.active else None
        return Guest(nic, network, places[0]) if nic is not None and network is not None and places else None
