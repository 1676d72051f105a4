"""create, update, delete and listSecurityGroup(s), and which groups machines are in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from sdn_orch.intent.model import Account, Machine, Network, Nic
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import security
from sdn_orch.northbound.cloudstack import source_nat
from sdn_orch.northbound.cloudstack.answers.security_groups import SECURITY_GROUP as SHAPE
from sdn_orch.northbound.cloudstack.answers.security_groups import groups_of
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import entities, entity, required, text, words
from sdn_orch.northbound.cloudstack.scope import OWNER, SCOPE, chosen, new_owner, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", SecurityGroup, "the id of the group")
GROUP_NAME = text("securitygroupname", "the name of the group")
MACHINE = entity("virtualmachineid", Machine, "a machine in the group")
DESCRIPTION = text("description", "what it is for", length=4096)
GROUPS = entities("securitygroupids", SecurityGroup, "the security groups; default by default")
GROUP_NAMES = words("securitygroupnames", "the names of the security groups, instead of their ids")

_UNGUARDED = "Security groups are given, but none of the networks has the service SecurityGroup"


@lists("listSecurityGroups", SHAPE, "Lists security groups", ID, GROUP_NAME, MACHINE, *SCOPE)
def list_security_groups(call: Call) -> Iterable[SecurityGroup]:
    """Groups by owner, name and machine."""
    machine = call.get(MACHINE)

    def others() -> Iterable[SecurityGroup]:
        return owned(call, SecurityGroup) if machine is None else groups_of(call.snapshot, machine)

    return chosen(one_or(call, ID, others), (call.get(GROUP_NAME), lambda group: group.name))


@changes(
    "createSecurityGroup",
    SHAPE,
    "Creates a security group",
    required(NAME),
    DESCRIPTION,
    *OWNER,
    event="SG.CREATE",
)
def create_security_group(call: Call) -> SecurityGroup:
    """A group without rules: nothing comes in, everything goes out."""
    account, name = new_owner(call), call[NAME]
    _check_free(call, account, name, "create")
    return security.create_group(call.transaction, account, name, call.get(DESCRIPTION) or "")


@changes(
    "updateSecurityGroup",
    SHAPE,
    "Updates a security group",
    required(ID),
    NAME,
    event="SG.UPDATE",
)
def update_security_group(call: Call) -> SecurityGroup:
    """The group with another name."""
    group, name = call[ID], call.get(NAME)
    if name is None or name == group.name:
        return group
    if group.name == security.DEFAULT:
        raise bad("The default security group cannot be renamed")
    _check_free(call, call.snapshot.need(Account, group.account_id), name, "update")
    return call.transaction.put(dataclasses.replace(group, name=name))


def _check_free(call: Call, account: Account, name: str, what: str) -> None:
    if security.named(call.snapshot, account, name) is not None:
        raise bad(f"Unable to {what} security group, a group with name {name} already exists.")


@changes(
    "deleteSecurityGroup",
    SUCCESS,
    "Deletes a security group",
    ID,
    NAME,
    *OWNER,
    event="SG.DELETE",
)
def delete_security_group(call: Call) -> None:
    """Only a group without machines, which no other group's rules name."""
    group, name = call.get(ID), call.get(NAME)
    if (group is None) == (name is None):
        raise bad("Either id or name of the security group is required, and not both")
    security.delete_group(call.transaction, group or by_name(call, new_owner(call), name or ""))


def by_name(call: Call, account: Account, name: str) -> SecurityGroup:
    """The account's group of this name; raises a parameter fault."""
    found = security.named(call.snapshot, account, name)
    if found is None:
        raise bad(f"Unable to find security group {name[:255]} of account {account.name}")
    return found


def serves_groups(snapshot: Snapshot, network: Network) -> bool:
    """Whether NICs in the network are in security groups."""
    return source_nat.serves(snapshot, network, "SecurityGroup")


def chosen_groups(call: Call, owner: Account) -> tuple[SecurityGroup, ...]:
    """The groups that a call names for a machine of the owner; raises faults."""
    groups, names = call.get(GROUPS), call.get(GROUP_NAMES)
    if groups is not None and names is not None:
        raise bad("securitygroupids and securitygroupnames are mutually exclusive")
    if names is not None:
        groups = tuple(by_name(call, owner, name) for name in names)
    for group in groups or ():
        if group.account_id != owner.id:
            raise bad(f"Security group {group.id} belongs to another account than {owner.name}")
    return tuple(dict.fromkeys(groups or ()))


def groups_in(call: Call, owner: Account, networks: Sequence[Network]) -> list[tuple[SecurityGroup, ...]]:
    """For a new NIC in each network the groups that the call names, or the default one.

    Raises a fault if groups are named and no network serves them.
    """
    named = chosen_groups(call, owner)
    guarded = [serves_groups(call.snapshot, network) for network in networks]
    if named and not any(guarded):
        raise bad(_UNGUARDED)
    if any(guarded) and not named:
        named = (security.default_group(call.transaction, owner),)
    return [named if is_guarded else () for is_guarded in guarded]


def groups_for(call: Call, machine: Machine, network: Network) -> tuple[SecurityGroup, ...]:
    """The groups for a new NIC of a machine: those of its other NICs, or the default one."""
    if not serves_groups(call.snapshot, network):
        return ()
    owner = call.snapshot.need(Account, machine.account_id)
    return tuple(groups_of(call.snapshot, machine)) or (security.default_group(call.transaction, owner),)


def change_groups(call: Call, machine: Machine) -> None:
    """Put the machine's NICs in the groups that the call names, if it names any; raises faults."""
    named = chosen_groups(call, call.snapshot.need(Account, machine.account_id))
    if not named:
        return
    nics = [
        nic
        for nic in call.snapshot.where(Nic, "machine_id", machine.id)
        if serves_groups(call.snapshot, call.snapshot.need(Network, nic.network_id))
    ]
    if not nics:
        raise bad(_UNGUARDED)
    security.assign(call.transaction, nics, named)
