"""What clients ask of the installation: hypervisors, regions, servers, operating systems, capacity."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import NAMESPACE_DNS, uuid5

from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack import portable
from sdn_orch.northbound.cloudstack.answers.places import CAPACITY, Capacity
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, lists
from sdn_orch.northbound.cloudstack.filters import all_have, by, everywhere, nowhere, of_none
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork, Template, Zone
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.parameters import choice, integer, text
from sdn_orch.northbound.cloudstack.serialise import VERSION
from sdn_orch.northbound.cloudstack.shapes import Shape, always, flag, number, string

ID = text("id", "the id")
NUMBER = integer("id", "the id")
CAPACITY_TYPE = integer("type", "4 public addresses, 7 VLANs and VNIs", 0, 127)
DESCRIPTION = text("description", "the description")

#: CloudStack's number and name.
_VLAN = (7, "VLAN")


class Order(StrEnum):
    """What capacities can be sorted by."""

    USAGE = "Usage"


SORT_BY = choice("sortby", "Usage: what is used up most first", Order)


@dataclass(frozen=True, slots=True)
class Named:
    """Something that has only an id and a name."""

    id: str
    name: str


HYPERVISOR: Shape[Named] = Shape(
    key="hypervisor",
    resource="Hypervisor",
    fields=(string("name", "the hypervisor", lambda _, each: each.name),),
)
REGION: Shape[Named] = Shape(
    key="region",
    resource="Region",
    fields=(
        number("id", "the id of the region", lambda _, each: int(each.id)),
        string("name", "the name of the region", lambda _, each: each.name),
        flag("gslbserviceenabled", "whether it balances between zones", always(False)),
        flag(
            "portableipserviceenabled",
            "whether addresses can move between zones",
            lambda s, _: any(portable.ranges(s.snapshot)),
        ),
    ),
)
SERVER: Shape[Named] = Shape(
    key="managementserver",
    resource="ManagementServer",
    fields=(
        string("id", "the id of the server", lambda _, each: each.id),
        string("name", "the name of its host", lambda _, each: each.name),
        string("state", "Up or Down", always("Up")),
        string("version", "the version of the API", always(VERSION)),
    ),
)
OS_TYPE: Shape[Named] = Shape(
    key="ostype",
    resource="GuestOS",
    keywords=("description",),
    fields=(
        string("id", "the id of the operating system", lambda _, each: each.id),
        string("name", "the name of the operating system", lambda _, each: each.name),
        string("description", "the name of the operating system", lambda _, each: each.name),
    ),
)
SERVER_VERSION = by(SERVER, text("version", "the version of the API"))
#: The one that answers.
THIS_SERVER = Named(str(uuid5(NAMESPACE_DNS, socket.gethostname())), socket.gethostname())
_ANY_SYSTEM = Named("5d0f9b10-0000-4000-8000-000000000101", "Other (64-bit)")


@lists("listHypervisors", HYPERVISOR, "Lists hypervisors", everywhere(ZONE))
def list_hypervisors(call: Call) -> Iterable[Named]:
    """Those that templates are for; they run elsewhere."""
    names = {template.hypervisor for template in call.snapshot.all(Template)}
    return [Named(name, name) for name in sorted(names)]


@lists("listRegions", REGION, "Lists regions", NUMBER, NAME)
def list_regions(call: Call) -> Iterable[Named]:
    """This one."""
    return _chosen(call, Named("1", "Local"), str(call.get(NUMBER) or 1))


@lists("listManagementServers", SERVER, "Lists management servers", ID, NAME, SERVER_VERSION, roles=ROOT)
def list_management_servers(call: Call) -> Iterable[Named]:
    """The one that answers."""
    return _chosen(call, THIS_SERVER, call.get(ID))


@lists("listOsTypes", OS_TYPE, "Lists operating systems of guests", ID, DESCRIPTION)
def list_os_types(call: Call) -> Iterable[Named]:
    """One that stands for all: what guests run makes no difference to networks."""
    if call.get(DESCRIPTION) not in (None, _ANY_SYSTEM.name):
        return ()
    return _chosen(call, _ANY_SYSTEM, call.get(ID))


def _chosen(call: Call, only: Named, id: str | None) -> Iterable[Named]:
    return [only] if id in (None, only.id) and call.get(NAME) in (None, only.name) else ()


@lists(
    "listCapacity",
    CAPACITY,
    "Lists what zones have of what can run out",
    ZONE,
    CAPACITY_TYPE,
    SORT_BY,
    of_none("podid", Pod, "what belongs to the pod"),
    nowhere("clusterid", "the cluster"),
    all_have(text("tag", "what is for things with this tag; nothing is"), None),
    roles=ROOT,
)
def list_capacity(call: Call) -> Iterable[Capacity]:
    """By zone; only what there is and can be counted here."""
    wanted, zone = call.get(CAPACITY_TYPE), call.get(ZONE)
    found = [
        capacity
        for each in call.snapshot.all(Zone)
        if zone is None or each.id == zone.id
        for capacity in _capacities(call, each)
        if wanted in (None, capacity.type)
    ]
    return sorted(found, key=_usage, reverse=True) if call.get(SORT_BY) else found


def _usage(capacity: Capacity) -> float:
    return capacity.used / capacity.total if capacity.total else 0.0


def _capacities(call: Call, zone: Zone) -> Iterator[Capacity]:
    physical = call.snapshot.where(PhysicalNetwork, "zone_id", zone.id)
    segments = sum(high - low + 1 for each in physical for low, high in each.segments)
    used = sum(pool.count_taken(call.snapshot, each.id) for each in physical)
    yield Capacity(zone, *_VLAN, segments, used)
