"""What must hold of security groups and their rules. Every rule yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.tenant_rules import named
from sdn_orch.intent.traffic import Direction
from sdn_orch.intent.traffic_rules import traffic


def security_group(after: Snapshot, record: SecurityGroup) -> Iterator[str]:
    """A name that no other group of its account has."""
    yield from named(record.name)
    for other in after.where(SecurityGroup, "names", record.names[0]):
        if other.id != record.id:
            yield f"name: another group of the account is named {record.name}: {other.id}"


def security_rule(after: Snapshot, record: SecurityRule) -> Iterator[str]:
    """One far side, said in the field for its direction, and not what another rule says already."""
    yield from traffic(record)
    near = "destinations" if record.direction is Direction.INGRESS else "sources"
    if getattr(record, near):
        yield f"{near}: the near side of a rule is its group"
    if record.peer_id is not None and (record.sources or record.destinations):
        yield "peer_id: the far side is either a group or prefixes"
    for other in after.where(SecurityRule, "meanings", record.meanings[0]):
        if other.id != record.id:
            yield f"group_id: rule {other.id} says the same"
