"""The guest services at work: packets from switches in, answers out, advertisements from time to time."""

from __future__ import annotations

from collections.abc import Callable

from sdn_orch.errors import Disconnected
from sdn_orch.guest.dispatch import answer, to_guest
from sdn_orch.guest.router_advertisement import advertise, due
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.southbound.base import Datapath, PacketIn


def respond(snapshot: Callable[[], Snapshot], datapath: Datapath, packet: PacketIn) -> None:
    """Answer one packet from the newest snapshot; a switch that has gone needs no answer."""
    reply = answer(snapshot(), packet)
    if reply is not None:
        try:
            datapath.packet_out(reply.actions, reply.frame, reply.in_port)
        except Disconnected:
            return


class Advertiser:
    """Sends the unsolicited router advertisements that have come due, when `tick` is called."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], datapath_of: Callable[[int], Datapath | None], now: float
    ) -> None:
        """`datapath_of` gives the session of a switch by its dpid, if there is one.

        `now` is the time by a clock that never goes back, in seconds: by one that does, guests would hear
        nothing until it has caught up.
        """
        self._snapshot = snapshot
        self._datapath_of = datapath_of
        self._until = int(now)

    def tick(self, now: float) -> int:
        """Send what is due by `now`; how many."""
        after, self._until = self._until, max(self._until, int(now))
        snapshot = self._snapshot()
        sent = 0
        for guest in due(snapshot, after, self._until):
            switch = snapshot.get(Switch, guest.attachment.switch_id)
            datapath = self._datapath_of(switch.dpid) if switch is not None else None
            packet = to_guest(guest, advertise(snapshot, guest))
            if datapath is not None and packet is not None:
                try:
                    datapath.packet_out(packet.actions, packet.frame, packet.in_port)
                except Disconnected:
                    continue
                sent += 1
        return sent
