"""What is wrong with one group, for which no other has to wait."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace

from sdn_orch.errors import SdnOrchError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a group, in a line, and what was raised where nobody foresaw it."""

    id: str
    name: str
    line: str
    error: Exception | None = None


def fault(name: str, id: str, error: Exception) -> Fault:
    """The fault of a group with which something was raised."""
    if isinstance(error, SdnOrchError):
        return Fault(id, name, f"{name} ({id}): {error}")
    return Fault(id, name, f"{name} ({id}): a fault of sdn-orch: {type(error).__name__}: {error}", error)


class Stumbles:
    """What nobody foresaw, as the log has it: whole at first, a line while it lasts, and that it is over."""

    def __init__(self) -> None:
        #: By the group's id; those of the last comparison in which it was looked at.
        self._standing: dict[str, Fault] = {}

    def tell(self, faults: Collection[Fault], looked_at: Collection[str] | None = None) -> None:
        """Of a comparison with these faults; it looked at these groups only, or (None) at all."""
        found = {each.id: each for each in faults if each.error is not None}
        for id, each in found.items():
            before = self._standing.get(id)
            if before is None or before.line != each.line:
                what = "CloudStack: %s (%s) is left as it is, by a fault of sdn-orch"
                log.error(what, each.name, id, exc_info=each.error)
            else:
                log.warning("CloudStack: still left as it is: %s", each.line)
        for id in [id for id in self._standing if id not in found]:
            if looked_at is None or id in looked_at:
                over = self._standing.pop(id)
                log.info("CloudStack: %s (%s) is no longer left as it is", over.name, id)
        # Without what was raised, which would keep all that was at hand there.
        self._standing |= {id: replace(each, error=None) for id, each in found.items()}
