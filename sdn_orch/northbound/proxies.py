"""Proxies come with the balancers that need one, and go with them: the use cases that doors share.

A proxy has an address of its own in the members' network, the greatest that nobody has: of networks whose
addresses CloudStack gives out, too, which may give that one to a machine later (see `extension/proxied.py`).
"""

from __future__ import annotations

from ipaddress import IPv4Address
from uuid import uuid4

from sdn_orch.errors import Exhausted
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.model import Nic
from sdn_orch.intent.proxies import needs_proxy
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import pool
from sdn_orch.northbound.macs import new_mac
from sdn_orch.northbound.service import Transaction


def follow(transaction: Transaction, balancer: Balancer) -> None:
    """Give the balancer a proxy if it needs one now, or take it away. Raises Exhausted."""
    snapshot = transaction.snapshot
    nic = snapshot.first(Nic, "balancer_id", balancer.id)
    if nic is None and needs_proxy(snapshot, balancer):
        address = _address(transaction, balancer)
        transaction.put(
            Nic(
                id=str(uuid4()),
                network_id=balancer.network_id,
                balancer_id=balancer.id,
                mac=_mac(transaction.snapshot, balancer.network_id, address),
                ipv4=address,
            )
        )
    elif nic is not None and not needs_proxy(snapshot, balancer):
        release(transaction, balancer)
        transaction.delete(nic)


def release(transaction: Transaction, balancer: Balancer) -> None:
    """The balancer's proxy goes: its address is free again."""
    nic = transaction.snapshot.first(Nic, "balancer_id", balancer.id)
    if nic is not None and nic.ipv4 is not None:
        pool.release(transaction, nic.network_id, int(nic.ipv4))


def _address(transaction: Transaction, balancer: Balancer) -> IPv4Address:
    try:
        return IPv4Address(pool.claim_greatest(transaction, balancer.network_id))
    except Exhausted:
        raise Exhausted(
            f"balancer {balancer.name} ({balancer.id}) needs a proxy, and network {balancer.network_id} has"
            " no free IPv4 address left for it"
        ) from None


def _mac(snapshot: Snapshot, network_id: str, address: IPv4Address) -> str:
    """That of all proxies with this address, since members may know it from one that was there before.

    Where a machine has it, whose MAC address its tenant may have chosen, another one.
    """
    usual = f"02:5d:{address.packed.hex(':')}"
    is_taken = snapshot.count_where(Nic, "claims", (network_id, usual)) > 0
    return new_mac(snapshot) if is_taken else usual
