"""What must hold of lists of rules and their items. Every rule yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.tenant_rules import named
from sdn_orch.intent.traffic_rules import traffic


def acl_list(after: Snapshot, record: AclList) -> Iterator[str]:
    """A name that no other list of its VPC has."""
    yield from named(record.name)
    for other in after.where(AclList, "name", record.name):
        if other.id != record.id and other.vpc_id in (record.vpc_id, None):
            yield f"name: another list is named {record.name}: {other.id}"


def acl_item(after: Snapshot, record: AclItem) -> Iterator[str]:
    """A position of its own; prefixes on the far side of the tier only."""
    yield from traffic(record)
    if not 1 <= record.position <= 65_535:
        yield f"position: {record.position} is not in 1..65535"
    for other in after.where(AclItem, "places", record.places[0]):
        if other.id != record.id:
            yield f"position: {record.position} is that of item {other.id}"
