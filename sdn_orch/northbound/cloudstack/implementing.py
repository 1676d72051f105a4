"""Networks come up with the machines that run in them: from Allocated to Implemented, and back when idle.

A network that is implemented has a VLAN or VNI of its physical network's pool, if that has one, and an
address to go out by, if its offering serves source NAT. Shared and persistent ones are so from the start.
Whatever call starts or stops machines, the transaction as a whole is looked at.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from sdn_orch.errors import Exhausted
from sdn_orch.intent.model import Network, NetworkKind, Nic
from sdn_orch.intent.snapshot import Snapshot, target
from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack import segments, settings, source_nat
from sdn_orch.northbound.cloudstack.answers.networks import details, offering
from sdn_orch.northbound.cloudstack.faults import NO_CAPACITY, ApiFault
from sdn_orch.northbound.cloudstack.model import NetworkDetails, PhysicalNetwork
from sdn_orch.northbound.service import Transaction


def follow(transaction: Transaction, before: Snapshot) -> None:
    """Implement the networks of NICs that run now, and note since when others are idle. Raises faults."""
    for id in _touched(transaction, before):
        network = transaction.snapshot.get(Network, id)
        if network is None:
            continue
        known = details(transaction.snapshot, network)
        if _is_needed(transaction.snapshot, network):
            if known.implemented is None or known.idle_since is not None:
                implement(transaction, network)
        elif known.implemented is not None and known.idle_since is None:
            transaction.put(dataclasses.replace(known, idle_since=transaction.now))


def implement(transaction: Transaction, network: Network) -> None:
    """Give the network what it needs to carry packets. Raises a capacity fault, and Exhausted."""
    known = details(transaction.snapshot, network)
    physical = transaction.snapshot.need(PhysicalNetwork, known.physical_network_id)
    segment = known.segment
    has_number = network.vlan is not None or network.vni is not None
    if physical.segments and not has_number and not has_fixed_segment(transaction.snapshot, network):
        try:
            segment = segments.claim(transaction, physical, network.account_id)
        except Exhausted:
            raise ApiFault(
                NO_CAPACITY,
                f"Unable to allocate vnet as a part of network {network.name} ({network.id}) implement",
            ) from None
        transaction.put(segments.on(network, physical, segment))
    transaction.put(
        dataclasses.replace(
            known, segment=segment, implemented=known.implemented or transaction.now, idle_since=None
        )
    )
    source_nat.ensure(transaction, transaction.snapshot.need(Network, network.id))


def shut_down(transaction: Transaction, network: Network) -> None:
    """Take from an idle network the VLAN or VNI that it has of the pool, and nothing else.

    Its addresses, rules and NICs stay: a machine that starts finds them as they were.
    """
    known = details(transaction.snapshot, network)
    segment = known.segment
    if segment is not None and not has_fixed_segment(transaction.snapshot, network):
        pool.release(transaction, known.physical_network_id, segment)
        transaction.put(dataclasses.replace(network, vlan=None, vni=None))
        segment = None
    transaction.put(dataclasses.replace(known, segment=segment, implemented=None, idle_since=None))


def has_fixed_segment(snapshot: Snapshot, network: Network) -> bool:
    """Whether the network's VLAN or VNI was given with it, and so is its own however idle it is."""
    return offering(snapshot, network).specify_vlan


def is_due(snapshot: Snapshot, network: Network, now: datetime) -> bool:
    """Whether the network has been idle for so long that it is to be shut down."""
    known = details(snapshot, network)
    if known.implemented is None or known.idle_since is None or _is_needed(snapshot, network):
        return False
    return now - known.idle_since >= timedelta(seconds=settings.COLLECT_WAIT.number(snapshot))


def _is_needed(snapshot: Snapshot, network: Network) -> bool:
    if network.kind is NetworkKind.SHARED or offering(snapshot, network).is_persistent:
        return True
    return snapshot.count_where(Nic, "active_in", network.id) > 0


def _touched(transaction: Transaction, before: Snapshot) -> dict[str, None]:
    """The networks, in order, whose NICs or offerings may have changed."""
    after = transaction.snapshot
    found: dict[str, None] = {}
    for kind, id in map(target, transaction.changes):
        if kind is NetworkDetails:
            found[id] = None
        elif kind is Nic:
            for snapshot in (before, after):
                if (nic := snapshot.get(Nic, id)) is not None:
                    found[nic.network_id] = None
    return found
