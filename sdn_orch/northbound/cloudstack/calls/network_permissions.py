"""create, remove, reset and listNetworkPermissions: who besides its owner may use a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.intent.model import Account, Domain, Network, Role
from sdn_orch.northbound.cloudstack.answers.networks import details
from sdn_orch.northbound.cloudstack.answers.owners import owner
from sdn_orch.northbound.cloudstack.callers import Access, may_act_for
from sdn_orch.northbound.cloudstack.declare import Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import AclType
from sdn_orch.northbound.cloudstack.model_sharing import NetworkPermission, permission
from sdn_orch.northbound.cloudstack.model_tenancy import Project
from sdn_orch.northbound.cloudstack.parameters import entities, entity, required, words
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Shape, string

NETWORK = entity("networkid", Network, "the network")
ACCOUNTS = words("accounts", "names of accounts in the domain of the network's owner")
ACCOUNT_IDS = entities("accountids", Account, "ids of accounts in the domain of its owner", Access.ANY)
PROJECT_IDS = entities("projectids", Project, "ids of projects in the domain of its owner", Access.ANY)

_WHO = (ACCOUNTS, ACCOUNT_IDS, PROJECT_IDS)
_EVENT = "NETWORK.PERMISSION.UPDATE"

PERMISSION: Shape[NetworkPermission] = Shape(
    key="networkpermission",
    resource="NetworkPermission",
    kind=NetworkPermission,
    keywords=("account", "project"),
    fields=(
        string("networkid", "the network", lambda _, each: each.network_id),
        string("accountid", "the account that may use it", lambda _, each: each.account_id),
        *owner(lambda each: each.account_id),
    ),
)


@changes(
    "createNetworkPermissions",
    SUCCESS,
    "Lets other accounts and projects use a network",
    required(NETWORK),
    *_WHO,
    event=_EVENT,
)
def create_network_permissions(call: Call) -> None:
    """They list the network, and machines of theirs may be in it; its owner may anyway."""
    network = _own_network(call)
    for account in _accounts(call, network):
        new = permission(network, account)
        if account.id != network.account_id and call.snapshot.get(NetworkPermission, new.id) is None:
            call.transaction.put(new)


@changes(
    "removeNetworkPermissions",
    SUCCESS,
    "Lets accounts and projects use a network no more",
    required(NETWORK),
    *_WHO,
    event=_EVENT,
)
def remove_network_permissions(call: Call) -> None:
    """Machines that are in the network stay, as in CloudStack."""
    network = _own_network(call)
    ids = {permission(network, account).id for account in _accounts(call, network)}
    call.transaction.delete(*(each for each in _permissions(call, network) if each.id in ids))


@changes(
    "resetNetworkPermissions",
    SUCCESS,
    "Lets nobody but its owner use a network",
    required(NETWORK),
    event=_EVENT,
)
def reset_network_permissions(call: Call) -> None:
    """Machines that are in the network stay, as in CloudStack."""
    call.transaction.delete(*_permissions(call, _own_network(call)))


@lists(
    "listNetworkPermissions",
    PERMISSION,
    "Lists who besides its owner may use a network",
    required(NETWORK),
)
def list_network_permissions(call: Call) -> Iterable[NetworkPermission]:
    """In the order in which they were given."""
    return _permissions(call, call[NETWORK])


def _permissions(call: Call, network: Network) -> Iterable[NetworkPermission]:
    return call.snapshot.where(NetworkPermission, "network_id", network.id)


def _own_network(call: Call) -> Network:
    """The network, which its owner may share one by one; raises parameter faults."""
    network = call[NETWORK]
    if details(call.snapshot, network).acl_type is AclType.DOMAIN:
        raise bad("network is already shared in domain")
    if network.vpc_id is not None:
        raise bad("VPC tiers cannot be shared")
    if call.snapshot.need(Account, network.account_id).role is Role.PROJECT:
        raise bad(
            f"Update network permissions is an invalid operation on network {network.name}."
            " Project owned networks cannot be shared outside network."
        )
    return network


def _accounts(call: Call, network: Network) -> Iterator[Account]:
    """The accounts that are named, all of them in the domain of the network's owner; raises faults."""
    snapshot = call.snapshot
    domain = snapshot.need(Domain, snapshot.need(Account, network.account_id).domain_id)
    found = [*(call.get(ACCOUNT_IDS) or ())]
    for project in call.get(PROJECT_IDS) or ():
        if not may_act_for(snapshot, call.caller, project.account_id):
            raise bad(f"Account {call.caller.account.name} can't access project id={project.id}")
        found.append(snapshot.need(Account, project.account_id))
    for name in call.get(ACCOUNTS) or ():
        named = [each for each in snapshot.where(Account, "name", name) if each.domain_id == domain.id]
        if not named:
            raise bad(f"Unable to find account by name {name[:255]}")
        found += named
    for account in found:
        if account.domain_id != domain.id:
            raise bad(
                f"Unable to find account {account.id} in domain id={domain.id}. No permissions is removed"
            )
    yield from found
