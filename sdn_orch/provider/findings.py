"""What a look at an installation finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `is_right` None: it could not be. `mend` says what to do."""

    is_right: bool | None
    what: str
    mend: str = ""
