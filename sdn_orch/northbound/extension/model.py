"""What is kept of CloudStack besides the intent."""

from __future__ import annotations

from dataclasses import dataclass

from sdn_orch.intent.model import Follower


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherName(Follower):
    """A name by which its subject is spoken of, too; the id is what would be that of an object so named."""
