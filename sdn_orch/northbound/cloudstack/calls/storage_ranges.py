"""create, update, delete and listStorageNetworkIpRange."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.northbound.cloudstack.answers.fabric import STORAGE_RANGE as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import ZONE
from sdn_orch.northbound.cloudstack.calls.network_creation import prefix_of
from sdn_orch.northbound.cloudstack.calls.pods import END_IP, GATEWAY, NETMASK, START_IP
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_fabric import StorageRange
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.parameters import entity, integer, required
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", StorageRange, "the id of the range", Access.ANY)
POD = entity("podid", Pod, "the pod", Access.ANY)
VLAN = integer("vlan", "the VLAN; untagged by default", 1, 4094)


@lists(
    "listStorageNetworkIpRange",
    SHAPE,
    "Lists ranges of addresses for storage",
    ID,
    POD,
    ZONE,
    roles=ROOT,
)
def list_storage_network_ip_range(call: Call) -> Iterable[StorageRange]:
    """Ranges by pod and zone."""
    pod, zone = call.get(POD), call.get(ZONE)
    return chosen(
        one_or(call, ID, lambda: call.snapshot.all(StorageRange)),
        (pod.id if pod else None, lambda each: each.pod_id),
        (zone.id if zone else None, lambda each: call.snapshot.need(Pod, each.pod_id).zone_id),
    )


@changes(
    "createStorageNetworkIpRange",
    SHAPE,
    "Creates a range of addresses for the storage of a pod",
    required(POD),
    required(GATEWAY),
    required(NETMASK),
    required(START_IP),
    END_IP,
    VLAN,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="STORAGE.IP.RANGE.CREATE",
)
def create_storage_network_ip_range(call: Call) -> StorageRange:
    """A range that meets no other of its zone."""
    return _put(
        call,
        StorageRange(
            id=str(uuid4()),
            pod_id=call[POD].id,
            ipv4=prefix_of(call[GATEWAY], call[NETMASK]),
            gateway=call[GATEWAY],
            first=call[START_IP],
            last=call.get(END_IP) or call[START_IP],
            vlan=call.get(VLAN),
        ),
    )


@changes(
    "updateStorageNetworkIpRange",
    SHAPE,
    "Updates a range of addresses for storage",
    required(ID),
    START_IP,
    END_IP,
    NETMASK,
    VLAN,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="STORAGE.IP.RANGE.UPDATE",
)
def update_storage_network_ip_range(call: Call) -> StorageRange:
    """The range with other ends."""
    old, netmask = call[ID], call.get(NETMASK)
    return _put(
        call,
        dataclasses.replace(
            old,
            ipv4=prefix_of(old.gateway, netmask) if netmask is not None else old.ipv4,
            first=call.get(START_IP) or old.first,
            last=call.get(END_IP) or old.last,
            vlan=call.get(VLAN) or old.vlan,
        ),
    )


def _put(call: Call, made: StorageRange) -> StorageRange:
    for name, address in (("startip", made.first), ("endip", made.last)):
        if address not in made.ipv4:
            raise bad(f"{name} {address} is not inside {made.ipv4}")
    if made.last < made.first:
        raise bad(f"endip {made.last} is below startip {made.first}")
    if made.first <= made.gateway <= made.last:
        raise bad(f"gateway {made.gateway} is in the range itself")
    zone_id = call.snapshot.need(Pod, made.pod_id).zone_id
    for other in call.snapshot.all(StorageRange):
        is_near = call.snapshot.need(Pod, other.pod_id).zone_id == zone_id and other.id != made.id
        if is_near and other.first <= made.last and made.first <= other.last:
            raise bad(f"{made.first}..{made.last} overlaps storage range {other.id}")
    return call.transaction.put(made)


@changes(
    "deleteStorageNetworkIpRange",
    SUCCESS,
    "Deletes a range of addresses for storage",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="STORAGE.IP.RANGE.DELETE",
)
def delete_storage_network_ip_range(call: Call) -> None:
    """The addresses are nobody's."""
    call.transaction.delete(call[ID])
