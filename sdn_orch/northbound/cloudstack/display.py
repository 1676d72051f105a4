"""How objects are shown: to users unless an administrator hides them, and in the words of who made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sdn_orch.intent.model import Follower, Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import ICMP
from sdn_orch.northbound.cloudstack.parameters import boolean
from sdn_orch.northbound.cloudstack.shapes import Field, flag
from sdn_orch.northbound.service import Transaction

FOR_DISPLAY = boolean("fordisplay", "whether users see it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden(Follower):
    """What it is about is not shown to users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByNumber(Follower):
    """The protocol of the rule that it is about was said by its number, though it has a name."""


def is_shown(snapshot: Snapshot, record: Record) -> bool:
    """Whether users see it."""
    return snapshot.get(Hidden, _id(record)) is None


def show(transaction: Transaction, record: Record, shown: bool | None) -> None:
    """Show it to users or hide it from them; None: as it was."""
    if shown is not None:
        _mark(transaction, Hidden, record, not shown)


def is_by_number(snapshot: Snapshot, rule: Record) -> bool:
    """Whether the rule's protocol is shown by its number, so that clients find what they said."""
    return snapshot.get(ByNumber, _id(rule)) is not None


def note_protocol(transaction: Transaction, rule: Record, said: str | None) -> None:
    """Remember whether the protocol was said by its number; None: as it was. ICMP is shown by its name."""
    if said is not None:
        _mark(transaction, ByNumber, rule, said.isdecimal() and int(said) != ICMP)


def _mark(transaction: Transaction, kind: type[Follower], record: Record, marked: bool) -> None:
    mark = kind(id=_id(record), subject_kind=type(record).__name__, subject_id=record.id)
    if marked is (transaction.snapshot.get(kind, mark.id) is not None):
        return
    if marked:
        transaction.put(mark)
    else:
        transaction.delete(mark)


def for_display() -> Field[Any]:
    """The field that tells it."""
    return flag("fordisplay", "whether users see it", lambda scene, each: is_shown(scene.snapshot, each))


def _id(record: Record) -> str:
    return f"{type(record).__name__}/{record.id}"
