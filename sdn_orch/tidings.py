"""What became known of cables and of places of NICs, told to whoever reads the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sdn_orch.intent.model import Arrival, Attachment, Link, Nic, Switch
from sdn_orch.intent.snapshot import Difference, Snapshot
from sdn_orch.store.base import Commit

log = logging.getLogger(__name__)

#: How many changes of one commit are told one by one.
MOST = 20


def tell(commit: Commit) -> None:
    """Log what a commit changed: a cable that is down as a warning, all else as information."""
    told = list(changes(commit))
    for level, text in told[:MOST]:
        log.log(level, "%s", text)
    if len(told) > MOST:
        log.info("and %d more changes of cables and places", len(told) - MOST)


def changes(commit: Commit) -> Iterator[tuple[int, str]]:
    """Level and text for each change of a cable or a place."""
    snapshot = commit.snapshot
    for old, new in commit.changes:
        if isinstance(old, Link) or isinstance(new, Link):
            yield from _cable(snapshot, (old, new))
        elif isinstance(new, Attachment):
            was = f"was at {_at(snapshot, old)}" if isinstance(old, Attachment) else "was nowhere"
            yield logging.INFO, f"{_nic(snapshot, new)} is at {_at(snapshot, new)} by {new.source}, {was}"
        elif isinstance(new, Arrival):
            how = "awaited" if new.admitted else "awaited again"
            yield logging.INFO, f"{_nic(snapshot, new)} is {how} at {_at(snapshot, new)}"
        elif isinstance(old, Attachment):
            yield logging.INFO, f"{_nic(snapshot, old)} is nowhere, was at {_at(snapshot, old)}"


def _cable(snapshot: Snapshot, change: Difference) -> Iterator[tuple[int, str]]:
    old, new = change
    if isinstance(new, Link):
        ends = f"{_port(snapshot, *new.ports[0])} and {_port(snapshot, *new.ports[1])}"
        if not isinstance(old, Link):
            yield logging.INFO, f"cable between {ends}, {new.capacity} Mbit/s"
        elif old.up != new.up:
            level = logging.INFO if new.up else logging.WARNING
            yield level, f"cable between {ends} is {'up' if new.up else 'down'}"
    elif isinstance(old, Link):
        ends = f"{_port(snapshot, *old.ports[0])} and {_port(snapshot, *old.ports[1])}"
        yield logging.WARNING, f"cable between {ends} is gone"


def _nic(snapshot: Snapshot, place: Attachment | Arrival) -> str:
    nic = snapshot.get(Nic, place.nic_id)
    return f"NIC {place.nic_id}" + (f" ({nic.mac})" if nic else "")


def _at(snapshot: Snapshot, place: Attachment | Arrival) -> str:
    vlan = f",{place.vlan}" if isinstance(place, Attachment) and place.vlan is not None else ""
    return _port(snapshot, place.switch_id, place.port) + vlan


def _port(snapshot: Snapshot, switch_id: str, port: int) -> str:
    switch = snapshot.get(Switch, switch_id)
    return f"{switch.name if switch else switch_id}:{port}"
