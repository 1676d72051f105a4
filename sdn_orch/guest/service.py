"""The guest services at work: packets from switches in, answers out, advertisements from time to time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dns.message import Message
from dns.rcode import Rcode

from sdn_orch.guest.dispatch import answer, to_guest
from sdn_orch.guest.name_service import Asked, frame_of
from sdn_orch.guest.names import Address
from sdn_orch.guest.router_advertisement import advertise, due
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.southbound.base import Datapath, PacketIn

#: Asks resolvers a guest's question and hands what is to be said over later, on another thread; gives the
#: code to answer with at once where nobody will be asked.
Resolve = Callable[[Asked, tuple[Address, ...], Callable[[Message], None]], Rcode | None]


def respond(snapshot: Callable[[], Snapshot], datapath: Datapath, packet: PacketIn, resolve: Resolve) -> None:
    """Answer one packet from the newest snapshot; a switch that has gone needs no answer."""

    def forward(asked: Asked, resolvers: tuple[Address, ...]) -> Rcode | None:
        return resolve(asked, resolvers, partial(_tell, snapshot, datapath, asked))

    if (reply := answer(snapshot(), packet, forward)) is not None:
        reply.send(datapath)


def _tell(snapshot: Callable[[], Snapshot], datapath: Datapath, asked: Asked, message: Message) -> None:
    """The answer goes to the guest that asked, if it still is what and where it was."""
    now, guest = snapshot(), asked.guest
    for record in (guest.attachment, guest.nic, guest.network):
        if now.get(type(record), record.id) != record:
            return
    if (reply := to_guest(guest, frame_of(asked, message))) is not None:
        reply.send(datapath)


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
            sent += packet is not None and packet.send(datapath)
        return sent
