"""Who uses which ports of a public address: forwards, balancers and static NAT must not meet."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Ports

#: Who uses ports: the record, the protocol, the public ports.
Use = tuple[Record, int, Ports]


def uses(snapshot: Snapshot, address_id: str) -> Iterator[Use]:
    """Everything that uses ports of the address."""
    for forward in snapshot.where(Forward, "address_id", address_id):
        yield forward, forward.protocol, forward.public


def conflicts(
    snapshot: Snapshot, address_id: str, mine: Record, protocol: int, ports: Ports
) -> Iterator[Record]:
    """The others that use one of these ports of the address."""
    for other, their_protocol, theirs in uses(snapshot, address_id):
        if (
            other.id != mine.id
            and their_protocol == protocol
            and theirs[0] <= ports[1]
            and ports[0] <= theirs[1]
        ):
            yield other
