"""create, update, move, delete and listNetworkACL(s): items of lists of rules."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import uuid4

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.traffic import Direction, Verdict
from sdn_orch.northbound.cloudstack.answers.firewall import ACL_ITEM as SHAPE
from sdn_orch.northbound.cloudstack.answers.rules import protocol as protocol_name
from sdn_orch.northbound.cloudstack.callers import Access, check_access
from sdn_orch.northbound.cloudstack.calls.acl_lists import own_list
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.display import FOR_DISPLAY, is_shown, note_protocol, show
from sdn_orch.northbound.cloudstack.faults import bad, invalid_value, no_entity
from sdn_orch.northbound.cloudstack.packets import BASIC_AND_ALL, PACKETS, PROTOCOL, read_packets
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    choice,
    entity,
    integer,
    required,
    text,
    uuid_of_choice,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", AclItem, "the id of the item")
ID_TO_SEE = entity("id", AclItem, "the id of the item", Access.USE)
MOVED = uuid_of_choice("id", "the id of the item")
ACL = entity("aclid", AclList, "the list")
ACL_TO_SEE = entity("aclid", AclList, "the list", Access.USE)
NETWORK = entity("networkid", Network, "a tier, whose list is meant")
NUMBER = integer("number", "its place in the list; the last by default", 1, 65_535)
ACTION = choice("action", "Allow, which is the default, or Deny", Verdict)
DIRECTION = choice("traffictype", "Ingress, which is the default, or Egress", Direction)
REASON = text("reason", "why it is there", length=2500)
PARTIAL = boolean("partialupgrade", "true, which is the default: what is not said stays as it was")
PREVIOUS = uuid_of_choice("previousaclruleid", "the item before it; none if it is to be the first")
NEXT = uuid_of_choice("nextaclruleid", "the item behind it; none if it is to be the last")
SEEN = text("aclconsistencyhash", "the MD5 of the ids of all items in their order, as they were seen")


@lists(
    "listNetworkACLs",
    SHAPE,
    "Lists items of lists of rules",
    ID_TO_SEE,
    ACL_TO_SEE,
    NETWORK,
    PROTOCOL,
    ACTION,
    DIRECTION,
    FOR_DISPLAY,
    *SCOPE,
)
def list_network_acls(call: Call) -> Iterable[AclItem]:
    """Items by owner, list and tier, in order."""
    acl, network, protocol = call.get(ACL_TO_SEE), call.get(NETWORK), call.get(PROTOCOL)

    def others() -> Iterator[AclItem]:
        if acl is not None:
            yield from items(call, acl)
        elif network is not None:
            if network.acl_id is not None:
                yield from items(call, call.snapshot.need(AclList, network.acl_id))
        else:
            for vpc in owned(call, Vpc):
                for each in call.snapshot.where(AclList, "vpc_id", vpc.id):
                    yield from items(call, each)

    return chosen(
        one_or(call, ID_TO_SEE, others),
        (protocol.lower() if protocol else None, lambda item: protocol_name(call.scene, item)),
        (call.get(ACTION), lambda item: item.verdict),
        (call.get(DIRECTION), lambda item: item.direction),
        (call.get(FOR_DISPLAY), lambda item: is_shown(call.snapshot, item)),
    )


def items(call: Call, acl: AclList) -> list[AclItem]:
    """The items of a list, in their order."""
    return sorted(call.snapshot.where(AclItem, "list_id", acl.id), key=lambda item: item.position)


@changes(
    "createNetworkACL",
    SHAPE,
    "Adds an item to a list of rules",
    required(PROTOCOL),
    ACL,
    NETWORK,
    *PACKETS,
    NUMBER,
    ACTION,
    DIRECTION,
    REASON,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="NETWORK.ACL.ITEM.CREATE",
)
def create_network_acl(call: Call) -> AclItem:
    """The item, at a place of its own in the list."""
    acl = _list(call)
    position = call.get(NUMBER)
    if position is None:
        present = items(call, acl)
        position = present[-1].position + 1 if present else 1
    item = AclItem(
        id=str(uuid4()),
        list_id=acl.id,
        position=position,
        direction=call.get(DIRECTION) or Direction.INGRESS,
        verdict=call.get(ACTION) or Verdict.ALLOW,
        reason=call.get(REASON) or "",
        **_packets(call, call.get(DIRECTION) or Direction.INGRESS),
    )
    _check_place(call, item)
    call.transaction.put(item)
    note_protocol(call.transaction, item, call[PROTOCOL])
    show(call.transaction, item, call.get(FOR_DISPLAY))
    return item


def _list(call: Call) -> AclList:
    """The list that is named; else that of the tier, for which one is made if it uses a common one."""
    acl, network = call.get(ACL), call.get(NETWORK)
    if acl is not None:
        return own_list(acl)
    if network is None:
        raise bad("Either networkId or aclId is required for creating network ACL")
    if network.vpc_id is None:
        raise bad(f"Network is not part of a VPC: {network.id}")
    found = call.snapshot.get(AclList, network.acl_id) if network.acl_id else None
    if found is not None and found.vpc_id is not None:
        return found
    made = AclList(
        id=str(uuid4()),
        vpc_id=network.vpc_id,
        name=f"VPC_{network.name}_{network.number}",
        description=f"ACL for {network.name}",
    )
    call.transaction.put(made)
    call.transaction.put(dataclasses.replace(network, acl_id=made.id))
    return made


def _packets(call: Call, direction: Direction) -> dict[str, Any]:
    """What the item is about: `cidrlist` is where packets come from, or go to if they leave the tier."""
    said = read_packets(call, BASIC_AND_ALL, numbers=True, version=None)
    if direction is Direction.EGRESS:
        said["destinations"] = said.pop("sources")
    return said


def _check_place(call: Call, item: AclItem) -> None:
    for other in call.snapshot.where(AclItem, "places", item.places[0]):
        if other.id != item.id:
            raise bad(f"ACL item with number {item.position} already exists in ACL {item.list_id}")


@changes(
    "updateNetworkACLItem",
    SHAPE,
    "Updates an item of a list of rules",
    required(ID),
    PROTOCOL,
    *PACKETS,
    NUMBER,
    ACTION,
    DIRECTION,
    REASON,
    PARTIAL,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="NETWORK.ACL.ITEM.UPDATE",
)
def update_network_acl_item(call: Call) -> AclItem:
    """What is said anew; without partialupgrade all that is not said is as in a new item."""
    old = call[ID]
    own_list(call.snapshot.need(AclList, old.list_id))
    partial = call.get(PARTIAL) is not False
    direction = call.get(DIRECTION) or (old.direction if partial else Direction.INGRESS)
    reason = call.get(REASON)
    item = dataclasses.replace(
        old,
        position=call.get(NUMBER) or old.position,
        direction=direction,
        verdict=call.get(ACTION) or (old.verdict if partial else Verdict.ALLOW),
        reason=reason if reason is not None else (old.reason if partial else ""),
    )
    is_about_others = call.get(PROTOCOL) is not None or any(call.get(each) is not None for each in PACKETS)
    if is_about_others or not partial:
        item = dataclasses.replace(item, **_merged(call, old, direction, partial))
    elif direction is not old.direction:
        item = dataclasses.replace(item, sources=old.destinations, destinations=old.sources)
    _check_place(call, item)
    note_protocol(call.transaction, old, call.get(PROTOCOL))
    show(call.transaction, old, call.get(FOR_DISPLAY))
    return call.transaction.put(item)


def _merged(call: Call, old: AclItem, direction: Direction, partial: bool) -> dict[str, Any]:
    """What the item is about from now on."""
    name = call.get(PROTOCOL)
    if name is None and not partial:
        raise bad("protocol is required without partialupgrade")
    said = read_packets(
        call, BASIC_AND_ALL, numbers=True, version=None, otherwise=protocol_name(call.scene, old)
    )
    sources = said.pop("sources")
    if partial:
        if name is None:
            for field in ("ports", "icmp_type", "icmp_code"):
                said[field] = getattr(old, field) if said[field] is None else said[field]
        sources = sources or old.sources or old.destinations
    leaves = direction is Direction.EGRESS
    return said | {"sources": () if leaves else sources, "destinations": sources if leaves else ()}


@changes(
    "moveNetworkAclItem",
    SHAPE,
    "Moves an item of a list of rules to between two others",
    required(MOVED),
    PREVIOUS,
    NEXT,
    SEEN,
    mode=Mode.ASYNC,
    event="NETWORK.ACL.ITEM.UPDATE",
)
def move_network_acl_item(call: Call) -> AclItem:
    """Others make room where there is none between the two."""
    item = _named(call, MOVED.name, call[MOVED])
    acl = own_list(call.snapshot.need(AclList, item.list_id))
    before, behind = call.get(PREVIOUS), call.get(NEXT)
    if before is None and behind is None:
        raise bad("Both previous and next ACL rule IDs cannot be blank.")
    present = items(call, acl)
    _check_seen(call, present)
    others = [each for each in present if each.id != item.id]
    at = 0 if before is None else _index(others, PREVIOUS.name, before) + 1
    if behind is not None and before is not None and _index(others, NEXT.name, behind) != at:
        raise bad("previousaclruleid and nextaclruleid are not next to each other")
    if before is None and behind is not None:
        at = _index(others, NEXT.name, behind)
        if at:
            raise bad("previousaclruleid is required: nextaclruleid is not the first")
    position = others[at - 1].position + 1 if at else 1
    moved = dataclasses.replace(item, position=position)
    call.transaction.put(moved)
    for other in others[at:]:
        if other.position > position:
            break
        position += 1
        call.transaction.put(dataclasses.replace(other, position=position))
    return moved


def _check_seen(call: Call, present: list[AclItem]) -> None:
    """Raises a parameter fault if the list is no longer what the caller has seen of it."""
    seen = call.get(SEEN)
    ids = "".join(each.id for each in present)
    if seen is not None and seen != hashlib.md5(ids.encode(), usedforsecurity=False).hexdigest():
        raise bad(
            "It seems that the access control list in the database is not in the state that you used to apply"
            " the changed. Could you try it again?"
        )


def _named(call: Call, parameter: str, id: str) -> AclItem:
    """The item with this id, which the caller may change; raises faults."""
    item = call.snapshot.get(AclItem, id)
    if item is None:
        raise invalid_value(call.command.name, no_entity(parameter, id))
    check_access(call.snapshot, call.caller, item, Access.OPERATE)
    return item


def _index(others: list[AclItem], parameter: str, id: str) -> int:
    for index, other in enumerate(others):
        if other.id == id:
            return index
    raise bad(f"{parameter}: {id} is not another item of the same list")


@changes(
    "deleteNetworkACL",
    SUCCESS,
    "Deletes an item of a list of rules",
    required(ID),
    mode=Mode.ASYNC,
    event="NETWORK.ACL.ITEM.DELETE",
)
def delete_network_acl(call: Call) -> None:
    """The list is without it from one moment to the next."""
    own_list(call.snapshot.need(AclList, call[ID].list_id))
    call.transaction.delete(call[ID])
