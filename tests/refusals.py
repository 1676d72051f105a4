"""What a switch cannot hold, as whoever reads a test wants to see it."""

from __future__ import annotations

from sdn_orch.dataplane.compiler import Compiled


def refusals(compiled: Compiled) -> list[tuple[str, str]]:
    """Each owner whose rules were refused, with the reason."""
    return [(str(owner), reason) for owner, rules in compiled.rules.items() for reason in rules.refusals]
