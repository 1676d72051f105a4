"""create, update, delete, list and replaceNetworkACLList(s): rules for tiers of VPCs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.acls import AclList
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.answers.firewall import ACL_LIST as SHAPE
from sdn_orch.northbound.cloudstack.bootstrap import DEFAULT_DENY
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.calls.firewall import check_served
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.display import FOR_DISPLAY, is_shown, show
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import entity, required, text
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", AclList, "the id of the list")
ID_TO_SEE = entity("id", AclList, "the id of the list", Access.USE)
ACL = entity("aclid", AclList, "the list", Access.USE)
VPC = entity("vpcid", Vpc, "the VPC")
NETWORK = entity("networkid", Network, "the tier")
GATEWAY = entity("gatewayid", PrivateGateway, "the private gateway")
DESCRIPTION = text("description", "what it is for", length=1024)


@lists(
    "listNetworkACLLists",
    SHAPE,
    "Lists lists of rules, the two that every VPC can use among them",
    ID_TO_SEE,
    NAME,
    VPC,
    NETWORK,
    FOR_DISPLAY,
    *SCOPE,
)
def list_network_acl_lists(call: Call) -> Iterable[AclList]:
    """Lists by owner, VPC and tier."""
    vpc, network = call.get(VPC), call.get(NETWORK)

    def others() -> Iterator[AclList]:
        if network is not None:
            if network.acl_id is not None:
                yield call.snapshot.need(AclList, network.acl_id)
            return
        yield from call.snapshot.where(AclList, "vpc_id", None)
        for each in (vpc,) if vpc is not None else owned(call, Vpc):
            yield from call.snapshot.where(AclList, "vpc_id", each.id)

    return chosen(
        one_or(call, ID_TO_SEE, others),
        (call.get(NAME), lambda acl: acl.name),
        (call.get(FOR_DISPLAY), lambda acl: is_shown(call.snapshot, acl)),
    )


@changes(
    "createNetworkACLList",
    SHAPE,
    "Creates a list of rules for tiers of a VPC",
    required(NAME),
    required(VPC),
    DESCRIPTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="NETWORK.ACL.CREATE",
)
def create_network_acl_list(call: Call) -> AclList:
    """A list without items, which lets nothing in."""
    made = AclList(
        id=str(uuid4()),
        vpc_id=call[VPC].id,
        name=call[NAME],
        description=call.get(DESCRIPTION) or "",
    )
    call.transaction.put(made)
    show(call.transaction, made, call.get(FOR_DISPLAY))
    return made


@changes(
    "updateNetworkACLList",
    SUCCESS,
    "Updates a list of rules",
    required(ID),
    NAME,
    DESCRIPTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="NETWORK.ACL.UPDATE",
)
def update_network_acl_list(call: Call) -> None:
    """The list with another name or text."""
    old = own_list(call[ID])
    given = call.get(DESCRIPTION)
    call.transaction.put(
        dataclasses.replace(
            old,
            name=call.get(NAME) or old.name,
            description=old.description if given is None else given,
        )
    )
    show(call.transaction, old, call.get(FOR_DISPLAY))


@changes(
    "deleteNetworkACLList",
    SUCCESS,
    "Deletes a list of rules",
    required(ID),
    mode=Mode.ASYNC,
    event="NETWORK.ACL.DELETE",
)
def delete_network_acl_list(call: Call) -> None:
    """Only a list that no tier and no private gateway uses; its items go with it."""
    old = own_list(call[ID])
    users = call.snapshot.where(Network, "acl_id", old.id)
    if users:
        names = ", ".join(network.name for network in users[:5])
        raise InUse(f"ACL {old.name} is still associated with following tiers: {names}")
    if gateways := call.snapshot.count_where(PrivateGateway, "acl_id", old.id):
        raise InUse(f"ACL {old.name} is still associated with {gateways} private gateways")
    call.transaction.delete(old)


def own_list(acl: AclList) -> AclList:
    """The list, if it belongs to a VPC; raises a parameter fault for those that every VPC uses."""
    if acl.vpc_id is None:
        raise bad(f"Default ACL {acl.name} cannot be changed or removed")
    return acl


@changes(
    "replaceNetworkACLList",
    SUCCESS,
    "Gives a tier or a private gateway another list of rules",
    required(ACL),
    NETWORK,
    GATEWAY,
    mode=Mode.ASYNC,
    event="NETWORK.ACL.REPLACE",
)
def replace_network_acl_list(call: Call) -> None:
    """The tier or gateway is ruled by the other list, from one moment to the next."""
    network, gateway = call.get(NETWORK), call.get(GATEWAY)
    if gateway is not None and network is None:
        chosen_list = list_for(call[ACL], gateway.vpc_id)
        call.transaction.put(dataclasses.replace(gateway, acl_id=chosen_list.id))
        return
    if network is None or gateway is not None:
        raise bad("Either networkid or gatewayid is required, and not both")
    if network.vpc_id is None:
        raise bad(f"Network is not part of a VPC: {network.id}")
    check_served(call, network, "NetworkACL")
    call.transaction.put(dataclasses.replace(network, acl_id=list_for(call[ACL], network.vpc_id).id))


def default_deny(snapshot: Snapshot) -> AclList:
    """The common list that denies everything: of tiers and private gateways that are given none."""
    return next(acl for acl in snapshot.where(AclList, "name", DEFAULT_DENY) if acl.vpc_id is None)


def list_for(acl: AclList, vpc_id: str) -> AclList:
    """The list, if tiers of the VPC may use it; raises a parameter fault."""
    if acl.vpc_id not in (None, vpc_id):
        raise bad(f"ACL {acl.id} belongs to another VPC than {vpc_id}")
    return acl
