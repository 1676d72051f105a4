"""Checks of balancers' members at work: who is asked when, and who has come to live or to fail.

A member is asked out of its own port by its own switch, in the name of its network's gateway, so that what
is found out is what machines find; the rules that it stands under are not asked. A member whose switch is
not connected, or that is nowhere, is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.dispatch import speaker, to_guest
from sdn_orch.guest.frame import IPV4, IPV6, ethernet
from sdn_orch.guest.guest import gateway_mac, guest_of
from sdn_orch.guest.probe import Outcome, Probe
from sdn_orch.intent.balancers import Member
from sdn_orch.intent.health import Checked, Failing, checked
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.southbound.base import Datapath, PacketIn

#: Members by their ids, and whether they fail from now on.
Turned = list[tuple[str, bool]]


@dataclass(slots=True)
class _Watched:
    """A member: when it is asked next, what is open, and how often the last outcome has come in a row."""

    target: Checked
    due: float
    probe: Probe | None = None
    lives: bool | None = None
    row: int = 0


class Checks:
    """See the module. `datapath_of` gives the session of a switch by its dpid. For one thread."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], datapath_of: Callable[[int], Datapath | None]
    ) -> None:
        self._snapshot = snapshot
        self._datapath_of = datapath_of
        self._watched: dict[str, _Watched] = {}
        self._by_nic: dict[str, list[_Watched]] = {}
        self._is_stale = True

    def changed(self) -> None:
        """Balancers, checks or members are not what they were."""
        self._is_stale = True

    def tick(self, now: float) -> Turned:
        """Ask whoever is due, by the monotonic time; who has turned, not having answered or being asked."""
        turned = self._refresh(now) if self._is_stale else []
        for watched in self._watched.values():
            if watched.probe is not None and now >= watched.probe.until:
                watched.probe = None
                turned += self._note(watched, lives=False)
            if watched.probe is None and now >= watched.due:
                check = watched.target.check
                watched.due = now + check.interval
                probe = Probe(watched.target, now + check.timeout)
                if self._send(watched.target, probe.begin()):
                    watched.probe = probe
        return turned

    def receive(self, packet: PacketIn) -> Turned:
        """A packet that may be an answer; who has turned by it."""
        found = speaker(self._snapshot(), packet, {Punt.CHECK})
        if found is None:
            return []
        guest, ip = found
        turned: Turned = []
        for watched in self._by_nic.get(guest.nic.id, ()):
            probe = watched.probe
            if probe is None:
                continue
            if (said := probe.receive(ip)) is not None:
                self._send(watched.target, said)
            if probe.outcome is not Outcome.OPEN:
                watched.probe = None
                turned += self._note(watched, lives=probe.outcome is Outcome.LIVES)
        return turned

    def _refresh(self, now: float) -> Turned:
        self._is_stale = False
        snapshot, before = self._snapshot(), self._watched
        self._watched, self._by_nic = {}, {}
        for target in checked(snapshot):
            watched = before.get(target.member.id)
            if watched is None or watched.target != target:
                # So that not all are asked at once.
                watched = _Watched(target, now + target.check.interval * (target.member.number % 16) / 16)
            self._watched[target.member.id] = watched
            self._by_nic.setdefault(target.nic.id, []).append(watched)
        facts = snapshot.all(Failing)
        return [(fact.member_id, False) for fact in facts if fact.member_id not in self._watched]

    def _note(self, watched: _Watched, *, lives: bool) -> Turned:
        watched.row = watched.row + 1 if watched.lives is lives else 1
        watched.lives = lives
        check, member = watched.target.check, watched.target.member
        if watched.row < (check.healthy if lives else check.unhealthy):
            return []
        is_failing = self._snapshot().count_where(Failing, "member_id", member.id) > 0
        return [(member.id, not lives)] if is_failing is lives else []

    def _send(self, target: Checked, packet: bytes) -> bool:
        """Put a packet to the member; whether that could be."""
        snapshot = self._snapshot()
        guest = guest_of(snapshot, target.nic.id)
        switch = snapshot.get(Switch, guest.attachment.switch_id) if guest is not None else None
        if guest is None or switch is None:
            return False
        ethertype = IPV4 if target.balancer.version == 4 else IPV6
        frame = to_guest(guest, ethernet(guest.mac, gateway_mac(guest.network), ethertype, packet))
        return frame is not None and frame.send(self._datapath_of(switch.dpid))


def noted(snapshot: Snapshot, turned: Turned) -> Sequence[Change]:
    """The facts that follow from it."""
    changes: list[Change] = []
    for member_id, failing in dict(turned).items():
        fact = snapshot.first(Failing, "member_id", member_id)
        if failing and fact is None and snapshot.get(Member, member_id) is not None:
            changes.append(Put(Failing(id=str(uuid4()), member_id=member_id)))
        elif not failing and fact is not None:
            changes.append(Delete(Failing, fact.id))
    return changes
