"""listServiceOfferings, createServiceOffering, updateServiceOffering, deleteServiceOffering."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.intent.model import Machine
from sdn_orch.intent.rates import LARGEST_RATE
from sdn_orch.northbound.cloudstack.answers.infrastructure import SERVICE_OFFERING as SHAPE
from sdn_orch.northbound.cloudstack.answers.machines import machine_details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import DISPLAY_TEXT, NAME, ZONE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.filters import all_have, by, everywhere, matching, nowhere
from sdn_orch.northbound.cloudstack.model import ServiceOffering, Template
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, integer, required, text
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", ServiceOffering, "the id of the service offering", Access.ANY)
IS_SYSTEM = boolean("issystem", "true: only offerings of system machines")
CPU_NUMBER = integer("cpunumber", "the number of CPUs", 1)
CPU_SPEED = integer("cpuspeed", "the speed of a CPU in MHz", 1)
MEMORY = integer("memory", "the memory in MB", 1)
RATE = integer(
    "networkrate",
    "megabits a second that a machine's default NIC may send, and receive; 0: as much as it can",
    high=LARGEST_RATE,
)
CUSTOMIZED = boolean("customized", "true is refused: every machine of an offering has its size")


@lists(
    "listServiceOfferings",
    SHAPE,
    "Lists service offerings",
    ID,
    NAME,
    IS_SYSTEM,
    CPU_NUMBER,
    CPU_SPEED,
    MEMORY,
    everywhere(ZONE),
    everywhere(entity("templateid", Template, "offerings for the template; all are", Access.ANY)),
    matching(
        entity("virtualmachineid", Machine, "offerings that the machine can get instead of its own"),
        lambda scene, each, machine: machine_details(scene.snapshot, machine).service_offering_id != each.id,
    ),
    by(SHAPE, text("state", "Active or Inactive; all are Active")),
    by(SHAPE, text("storagetype", "shared or local; all are shared")),
    all_have(boolean("encryptroot", "offerings with an encrypted root disk, or others"), False),
    all_have(boolean("gpuenabled", "offerings with a GPU, or others"), False),
    nowhere("vgpuprofileid", "the profile of GPUs"),
    all_have(text("systemvmtype", "offerings for this sort of system machines; none is"), None),
    *SCOPE,
)
def list_service_offerings(call: Call) -> Iterable[ServiceOffering]:
    """Sizes of machines; those of system machines only when asked for."""
    return chosen(
        one_or(call, ID, lambda: call.snapshot.all(ServiceOffering)),
        (call.get(NAME), lambda offering: offering.name),
        (call.get(CPU_NUMBER), lambda offering: offering.cpu_number),
        (call.get(CPU_SPEED), lambda offering: offering.cpu_speed),
        (call.get(MEMORY), lambda offering: offering.memory),
        (None if call.get(ID) else bool(call.get(IS_SYSTEM)), lambda offering: offering.is_system),
    )


@changes(
    "createServiceOffering",
    SHAPE,
    "Creates a service offering",
    required(NAME),
    required(DISPLAY_TEXT),
    required(CPU_NUMBER),
    required(CPU_SPEED),
    required(MEMORY),
    IS_SYSTEM,
    CUSTOMIZED,
    RATE,
    roles=ROOT,
    event="SERVICE.OFFERING.CREATE",
)
def create_service_offering(call: Call) -> ServiceOffering:
    """A size of machines, which counts towards limits of CPUs and memory."""
    if call.get(CUSTOMIZED):
        raise bad(
            "Invalid parameter customized: offerings whose size is chosen at deployment are not offered"
        )
    return call.transaction.put(
        ServiceOffering(
            id=str(uuid4()),
            name=call[NAME],
            display_text=call[DISPLAY_TEXT],
            created=call.now,
            cpu_number=call[CPU_NUMBER],
            cpu_speed=call[CPU_SPEED],
            memory=call[MEMORY],
            is_system=bool(call.get(IS_SYSTEM)),
            network_rate=call.get(RATE),
        )
    )


@changes(
    "updateServiceOffering",
    SHAPE,
    "Updates a service offering",
    required(ID),
    NAME,
    DISPLAY_TEXT,
    roles=ROOT,
    event="SERVICE.OFFERING.EDIT",
)
def update_service_offering(call: Call) -> ServiceOffering:
    """Another name or text; the size stays."""
    return call.transaction.put(
        dataclasses.replace(
            call[ID],
            name=call.get(NAME) or call[ID].name,
            display_text=call.get(DISPLAY_TEXT) or call[ID].display_text,
        )
    )


@changes(
    "deleteServiceOffering",
    SUCCESS,
    "Deletes a service offering",
    required(ID),
    roles=ROOT,
    event="SERVICE.OFFERING.DELETE",
)
def delete_service_offering(call: Call) -> None:
    """Only one that no machine and no offering of networks uses."""
    if call[ID].is_system:
        raise denied(f"Service offering {call[ID].name} is for system machines and stays")
    call.transaction.delete(call[ID])
