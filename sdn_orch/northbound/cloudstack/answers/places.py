"""Pods, and what a zone has of what can run out."""

from __future__ import annotations

from dataclasses import dataclass

from sdn_orch.northbound.cloudstack.answers.owners import place
from sdn_orch.northbound.cloudstack.model import Zone
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.shapes import Field, Shape, items, long, string

POD: Shape[Pod] = Shape(
    key="pod",
    resource="Pod",
    kind=Pod,
    fields=(
        string("id", "the id of the pod", lambda _, pod: pod.id),
        string("name", "the name of the pod", lambda _, pod: pod.name),
        *place(lambda _, pod: pod.zone_id),
        string("gateway", "the gateway of its machinery", lambda _, pod: pod.gateway),
        string("netmask", "the netmask", lambda _, pod: pod.ipv4.netmask),
        items("startip", "the first addresses", lambda _, pod: [str(pod.first)]),
        items("endip", "the last addresses", lambda _, pod: [str(pod.last)]),
        string("allocationstate", "Enabled or Disabled", lambda _, pod: pod.allocation_state),
    ),
)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of something a zone has, and how much of that is taken."""

    zone: Zone
    type: int
    name: str
    total: int
    used: int


CAPACITY: Shape[Capacity] = Shape(
    key="capacity",
    resource="Capacity",
    fields=(
        Field("type", "short", "4 public addresses, 7 VLANs and VNIs", lambda _, capacity: capacity.type),
        string("name", "the name of the type", lambda _, capacity: capacity.name),
        *place(lambda _, capacity: capacity.zone.id),
        long("capacitytotal", "how much there is", lambda _, capacity: capacity.total),
        long("capacityused", "how much is taken", lambda _, capacity: capacity.used),
        string(
            "percentused",
            "how much is taken, in percent",
            lambda _, each: f"{100 * each.used / each.total:.2f}" if each.total else "0",
        ),
    ),
)
