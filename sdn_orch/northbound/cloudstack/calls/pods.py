"""listPods, createPod, updatePod, deletePod."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from uuid import uuid4

from sdn_orch.northbound.cloudstack.answers.places import POD as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE
from sdn_orch.northbound.cloudstack.calls.network_creation import prefix_of
from sdn_orch.northbound.cloudstack.declare import ADMINS, ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import all_have
from sdn_orch.northbound.cloudstack.model import Enabled
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.parameters import choice, entity, ipv4, required, text
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", Pod, "the id of the pod", Access.ANY)
GATEWAY = ipv4("gateway", "the gateway of the machinery's network")
NETMASK = ipv4("netmask", "its netmask")
START_IP = ipv4("startip", "the first address for machinery")
END_IP = ipv4("endip", "the last address for machinery; the first by default")
STORAGE = all_have(text("storageaccessgroup", "what has access to this storage; nothing has"), None)
ALLOCATION_STATE = choice("allocationstate", "Enabled or Disabled", Enabled)


@lists("listPods", SHAPE, "Lists pods", ID, NAME, ZONE, ALLOCATION_STATE, STORAGE, roles=ADMINS)
def list_pods(call: Call) -> Iterable[Pod]:
    """Pods by name and zone."""
    zone = call.get(ZONE)
    return chosen(
        one_or(call, ID, lambda: call.snapshot.all(Pod)),
        (call.get(NAME), lambda pod: pod.name),
        (zone.id if zone else None, lambda pod: pod.zone_id),
        (call.get(ALLOCATION_STATE), lambda pod: pod.allocation_state),
    )


@changes(
    "createPod",
    SHAPE,
    "Creates a pod",
    required(NAME),
    required(ZONE),
    required(GATEWAY),
    required(NETMASK),
    required(START_IP),
    END_IP,
    ALLOCATION_STATE,
    roles=ROOT,
    event="POD.CREATE",
)
def create_pod(call: Call) -> Pod:
    """A pod with a name and addresses of its own in the zone."""
    pod = Pod(
        id=str(uuid4()),
        zone_id=call[ZONE].id,
        name=call[NAME],
        ipv4=prefix_of(call[GATEWAY], call[NETMASK]),
        gateway=call[GATEWAY],
        first=call[START_IP],
        last=call.get(END_IP) or call[START_IP],
        allocation_state=call.get(ALLOCATION_STATE) or Enabled.ENABLED,
    )
    return _put(call, pod)


@changes(
    "updatePod",
    SHAPE,
    "Updates a pod",
    required(ID),
    NAME,
    GATEWAY,
    NETMASK,
    START_IP,
    END_IP,
    ALLOCATION_STATE,
    roles=ROOT,
    event="POD.EDIT",
)
def update_pod(call: Call) -> Pod:
    """The pod changed; what is not given stays."""
    pod = call[ID]
    gateway, netmask = call.get(GATEWAY) or pod.gateway, call.get(NETMASK) or pod.ipv4.netmask
    return _put(
        call,
        dataclasses.replace(
            pod,
            name=call.get(NAME) or pod.name,
            ipv4=prefix_of(gateway, netmask),
            gateway=gateway,
            first=call.get(START_IP) or pod.first,
            last=call.get(END_IP) or pod.last,
            allocation_state=call.get(ALLOCATION_STATE) or pod.allocation_state,
        ),
    )


@changes("deletePod", SUCCESS, "Deletes a pod", required(ID), roles=ROOT, event="POD.DELETE")
def delete_pod(call: Call) -> None:
    """Only a pod that nothing is in."""
    call.transaction.delete(call[ID])


def _put(call: Call, pod: Pod) -> Pod:
    """Keep the pod if its addresses are in order; raises faults."""
    for what, address in (("gateway", pod.gateway), ("startip", pod.first), ("endip", pod.last)):
        if not _is_host(address, pod.ipv4):
            raise bad(f"Invalid {what} {address}: no host of {pod.ipv4} can have it")
    if pod.last < pod.first:
        raise bad(f"endip {pod.last} is below startip {pod.first}")
    if pod.first <= pod.gateway <= pod.last:
        raise bad(f"The gateway {pod.gateway} is in the range {pod.first}-{pod.last}")
    for other in call.snapshot.where(Pod, "zone_id", pod.zone_id):
        if other.id == pod.id:
            continue
        if other.name == pod.name:
            raise bad(f"A pod with name {pod.name} already exists in zone {pod.zone_id}")
        if other.ipv4.overlaps(pod.ipv4):
            raise bad(f"The subnet {pod.ipv4} of the pod conflicts with {other.ipv4} of pod {other.name}")
    return call.transaction.put(pod)


def _is_host(address: IPv4Address, prefix: IPv4Network) -> bool:
    return address in prefix and address not in (prefix.network_address, prefix.broadcast_address)
