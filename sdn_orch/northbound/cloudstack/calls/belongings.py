"""What an account owns, and how it goes with the account or the project."""

from __future__ import annotations

from sdn_orch.intent.balancers import Certificate
from sdn_orch.intent.model import Account, Machine, Network, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import public
from sdn_orch.northbound.cloudstack.calls.machines import drop_machine
from sdn_orch.northbound.cloudstack.calls.networks import drop_network
from sdn_orch.northbound.cloudstack.calls.vpcs import drop_vpc
from sdn_orch.northbound.cloudstack.model_tenancy import ResourceDetail, Tag
from sdn_orch.northbound.service import Transaction

#: What keeps a project that is not cleaned up; all else that accounts own belongs to one of these.
_OWNED = {"machines": Machine, "networks": Network, "VPCs": Vpc, "public addresses": PublicAddress}


def owns_something(snapshot: Snapshot, account: Account) -> str:
    """What the account owns, in words; empty if nothing."""
    counts = {what: snapshot.count_where(kind, "account_id", account.id) for what, kind in _OWNED.items()}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def drop_belongings(transaction: Transaction, account: Account) -> None:
    """Delete all that the account owns; raises InUse if others' machines are in its networks."""
    for machine in transaction.snapshot.where(Machine, "account_id", account.id):
        drop_machine(transaction, machine)
    for network in transaction.snapshot.where(Network, "account_id", account.id):
        drop_network(transaction, network)
    for vpc in transaction.snapshot.where(Vpc, "account_id", account.id):
        drop_vpc(transaction, vpc)
    for address in transaction.snapshot.where(PublicAddress, "account_id", account.id):
        public.release_address(transaction, address)
    transaction.delete(*transaction.snapshot.where(Certificate, "account_id", account.id))
    # What it said of things that nobody owns.
    transaction.delete(*transaction.snapshot.where(Tag, "account_id", account.id))
    transaction.delete(*transaction.snapshot.where(ResourceDetail, "account_id", account.id))
