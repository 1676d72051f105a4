"""Every error that sdn-orch raises on purpose.

A caller may rely on three things: the text names the object and the field, nothing was changed,
and the class tells whose turn it is (the client's, the operator's, or ours to retry).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdn_orch.openflow.values import FlowEntry, Group, Meter


class SdnOrchError(Exception):
    """Base of all deliberate errors."""


class Invalid(SdnOrchError):
    """A request or an intent object is wrong; `faults` lists every fault, each naming object and field."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class NotFound(SdnOrchError):
    """The object does not exist, or not for this caller."""


class InUse(SdnOrchError):
    """The object cannot go because others refer to it."""


class RuleConflict(SdnOrchError):
    """Two rules ask for the same: a port of an address, or an address as a whole."""


class Exhausted(SdnOrchError):
    """A range (addresses, VLANs, numbers) has nothing left to give."""


class Conflict(SdnOrchError):
    """The store moved on since the snapshot the change was made from; read again and retry."""


class StoreUnavailable(SdnOrchError):
    """The store cannot be written or read: disk full, locked, or corrupt. Nothing was changed."""


class ReadFailed(SdnOrchError):
    """The CloudStack that is synced with could not be read to the end; nothing was changed."""


class OwnerConflict(SdnOrchError):
    """Two owners claim one flow identity (table, priority, match): a fault in the compiler's stages."""


class Disconnected(SdnOrchError):
    """The switch went away while it was being read or written."""


class SwitchRefused(SdnOrchError):
    """The switch answered with OpenFlow errors; `failures` holds (message description, error text).

    `subjects` holds the flow, group or meter of each failure, in the same order; it is empty when the
    switch refused the bundle as a whole.
    """

    #: Failures that the text names; `failures` has them all.
    _NAMED = 5

    def __init__(
        self,
        dpid: int,
        failures: tuple[tuple[str, str], ...],
        subjects: tuple[FlowEntry | Group | Meter, ...] = (),
    ) -> None:
        texts = [f"{what}: {why}" for what, why in failures[: self._NAMED]]
        if len(failures) > self._NAMED:
            texts.append(f"and {len(failures) - self._NAMED} more")
        super().__init__(f"switch {dpid:016x} refused: " + "; ".join(texts))
        self.dpid = dpid
        self.failures = failures
        self.subjects = subjects


class MalformedMessage(SdnOrchError):
    """Bytes that claim to be OpenFlow are not, or say something that sdn-orch does not speak."""
