"""Whether users see an object: they do unless an administrator hides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sdn_orch.intent.model import Follower, Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.parameters import boolean
from sdn_orch.northbound.cloudstack.shapes import Field, flag
from sdn_orch.northbound.service import Transaction

FOR_DISPLAY = boolean("fordisplay", "whether users see it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden(Follower):
    """What it is about is not shown to users."""


def is_shown(snapshot: Snapshot, record: Record) -> bool:
    """Whether users see it."""
    return snapshot.get(Hidden, _id(record)) is None


def show(transaction: Transaction, record: Record, shown: bool | None) -> None:
    """Show it to users or hide it from them; None: as it was."""
    hidden = Hidden(id=_id(record), subject_kind=type(record).__name__, subject_id=record.id)
    if shown is None or shown is is_shown(transaction.snapshot, record):
        return
    if shown:
        transaction.delete(hidden)
    else:
        transaction.put(hidden)


def for_display() -> Field[Any]:
    """The field that tells it."""
    return flag("fordisplay", "whether users see it", lambda scene, each: is_shown(scene.snapshot, each))


def _id(record: Record) -> str:
    return f"{type(record).__name__}/{record.id}"
