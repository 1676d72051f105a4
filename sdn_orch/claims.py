"""Who says where NICs are, and what follows from it: attachments.

Claims come from the configuration and from OVSDB. A claim names a NIC by its id or by its MAC address; it
may be there before the NIC is registered. Of several claims for one NIC the most trusted source wins, and
of one source the newest. Where a first packet has put a NIC (`southbound/learning.py`) it stays until it is
claimed.

During a live migration two databases claim a machine's NIC, the destination's from its beginning, long before
the machine runs there. So the NIC stays where it is while it is claimed there by a database that answers, and
is awaited at the other place, where it may send already: it moves with its first frame there, or when the
old claim goes. Where it has left it may not send: its first frame there says that it has come back.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

from sdn_orch.intent.model import Arrival, Attachment, Link, Nic, Source, Switch
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot

log = logging.getLogger(__name__)

#: The most trusted first.
_TRUST = {source: rank for rank, source in enumerate(Source)}


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says that a NIC is at a port; of `nic_id` and `mac` one may be empty.

    `origin` tells claims of one source apart: an OVSDB endpoint, for example.
    """

    source: Source
    origin: str
    dpid: int
    port: int
    vlan: int | None = None
    nic_id: str = ""
    mac: str = ""


class Claims:
    """All claims as they stand. Not for several threads."""

    def __init__(self) -> None:
        # Dictionaries for their order: the newest claim stands last.
        self._by_nic_id: defaultdict[str, dict[Claim, None]] = defaultdict(dict)
        self._by_mac: defaultdict[str, dict[Claim, None]] = defaultdict(dict)
        self._told: set[str] = set()
        #: Origins that do not answer: what they claim may be so no more.
        self._silent: set[str] = set()

    def note(self, origin: str, *, is_silent: bool) -> set[Claim]:
        """Whether an origin answers; its claims, if they mean something else by that."""
        if is_silent is (origin in self._silent):
            return set()
        (self._silent.add if is_silent else self._silent.discard)(origin)
        known = (claims for index in (self._by_nic_id, self._by_mac) for claims in index.values())
        return {claim for claims in known for claim in claims if claim.origin == origin}

    def put(self, claim: Claim) -> None:
        """Add a claim as the newest."""
        for index, key in self._indexes(claim):
            index[key].pop(claim, None)
            index[key][claim] = None

    def drop(self, claim: Claim) -> None:
        """Take a claim back."""
        for index, key in self._indexes(claim):
            index[key].pop(claim, None)
            if not index[key]:
                del index[key]

    def concerned(self, snapshot: Snapshot, claim: Claim) -> set[str]:
        """The NICs that a claim may be about."""
        found = {nic.id for nic in snapshot.where(Nic, "mac", claim.mac)} if claim.mac else set()
        return found | ({claim.nic_id} if snapshot.get(Nic, claim.nic_id) else set())

    def settle(self, snapshot: Snapshot, nic_ids: Iterable[str], settled: frozenset[Source]) -> list[Change]:
        """The attachments of these NICs as the claims have them.

        Where nobody claims a NIC any more its attachment goes, but only if its source is in `settled`:
        one that has told all it knows.
        """
        changes: list[Change] = []
        for nic_id in nic_ids:
            nic = snapshot.get(Nic, nic_id)
            if nic is None:
                continue
            there = snapshot.first(Attachment, "nic_id", nic_id)
            claim, awaited = self._chosen(snapshot, nic, there)
            changes += _await(snapshot, nic, awaited)
            switch = snapshot.first(Switch, "dpid", claim.dpid) if claim else None
            if claim is None or switch is None:
                if there is not None and claim is None and there.source in settled:
                    changes.append(Delete(Attachment, there.id))
                continue
            if (
                there is not None
                and _TRUST[there.source] < _TRUST[claim.source]
                and there.source not in settled
            ):
                continue
            place = (switch.id, claim.port, claim.vlan, claim.source)
            if there is not None and place == (there.switch_id, there.port, there.vlan, there.source):
                continue
            before = there or Attachment(id=str(uuid4()), nic_id=nic_id, switch_id=switch.id, port=claim.port)
            after = replace(
                before, switch_id=switch.id, port=claim.port, vlan=claim.vlan, source=claim.source
            )
            changes += _free(snapshot, switch.id, claim.port)
            changes.append(Put(after))
        return list(dict.fromkeys(changes))

    def _chosen(
        self, snapshot: Snapshot, nic: Nic, there: Attachment | None
    ) -> tuple[Claim | None, Claim | None]:
        """The claim that counts for a NIC, and that of the place at which it is awaited meanwhile."""
        found = self._best(snapshot, nic)
        if not found or nic.machine_id is None or found[-1].source is not Source.OVSDB:
            return (found[-1] if found else None), None
        answering = [each for each in found if each.origin not in self._silent]
        here = [each for each in answering if there is not None and _is_at(snapshot, each, there)]
        chosen = (here or answering or found)[-1]
        others = [each for each in answering if _place(each) != _place(chosen)]
        return chosen, others[-1] if others else None

    def _best(self, snapshot: Snapshot, nic: Nic) -> list[Claim]:
        """The claims of which one counts: the most trusted, by id before by MAC address, the newest last."""
        ranked = [(_TRUST[claim.source], False, claim) for claim in self._by_nic_id.get(nic.id, ())]
        ranked += [(_TRUST[claim.source], True, claim) for claim in self._claims_by_mac(snapshot, nic)]
        first = min((rank[:2] for rank in ranked), default=None)
        return [rank[2] for rank in ranked if rank[:2] == first]

    def _claims_by_mac(self, snapshot: Snapshot, nic: Nic) -> list[Claim]:
        """The claims to a MAC address, if it can mean no other NIC.

        Whoever set a port up may have names of its own for NICs: an id that no NIC has does not count.
        """
        found = [
            claim
            for claim in self._by_mac.get(nic.mac, ())
            if claim.nic_id == nic.id or snapshot.get(Nic, claim.nic_id) is None
        ]
        rivals = [other for other in snapshot.where(Nic, "mac", nic.mac) if other.active] if found else []
        if len(rivals) < 2:
            return found
        if nic.id not in self._told:
            self._told.add(nic.id)
            log.warning(
                "MAC address %s is that of %d NICs: NIC %s is found by its id as iface-id only",
                nic.mac,
                len(rivals),
                nic.id,
            )
        return []

    def _indexes(self, claim: Claim) -> Iterator[tuple[defaultdict[str, dict[Claim, None]], str]]:
        if claim.nic_id:
            yield self._by_nic_id, claim.nic_id
        if claim.mac:
            yield self._by_mac, claim.mac


def _place(claim: Claim) -> tuple[int, int, int | None]:
    return claim.dpid, claim.port, claim.vlan


def _is_at(snapshot: Snapshot, claim: Claim, there: Attachment) -> bool:
    return _place(claim) == (snapshot.need(Switch, there.switch_id).dpid, there.port, there.vlan)


def _await(snapshot: Snapshot, nic: Nic, claim: Claim | None) -> Iterator[Change]:
    """The NIC is awaited at this place and at no other."""
    known = snapshot.first(Arrival, "nic_id", nic.id)
    switch = snapshot.first(Switch, "dpid", claim.dpid) if claim else None
    if claim is None or switch is None:
        if known is not None:
            yield Delete(Arrival, known.id)
        return
    before = known or Arrival(id=str(uuid4()), nic_id=nic.id, switch_id=switch.id, port=claim.port)
    if known is None or (known.switch_id, known.port) != (switch.id, claim.port):
        yield from _free(snapshot, switch.id, claim.port)
        yield Put(replace(before, switch_id=switch.id, port=claim.port, admitted=True))


def _free(snapshot: Snapshot, switch_id: str, port: int) -> Iterator[Change]:
    """A NIC's port leads to no other switch: a link that was discovered there goes, whoever made it up."""
    for link in snapshot.where(Link, "ports", (switch_id, port)):
        if link.source is Source.DISCOVERY:
            yield Delete(Link, link.id)
