"""Rate limits: how much a NIC may send, and how much it may receive, in a second."""

from __future__ import annotations

from sdn_orch.intent.model import Machine, Network, Nic
from sdn_orch.intent.snapshot import Snapshot

#: The highest limit, in megabits per second.
LARGEST_RATE = 1_000_000


def limit_of(snapshot: Snapshot, nic: Nic) -> int | None:
    """The megabits per second that a NIC is held to in each direction; None: as much as it can.

    The lower one of its network's limit and, for its machine's default NIC, of its machine's.
    """
    limits = [snapshot.need(Network, nic.network_id).rate]
    if nic.machine_id is not None and nic.is_default:
        limits.append(snapshot.need(Machine, nic.machine_id).rate)
    return min((limit for limit in limits if limit is not None), default=None)
