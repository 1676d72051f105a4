"""listVirtualMachines, startVirtualMachine, stopVirtualMachine, destroyVirtualMachine."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.intent.model import Machine, Network, Nic, Vpc
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import machines
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE as SHAPE
from sdn_orch.northbound.cloudstack.answers.machines import machine_details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.model import SecondaryAddress, ServiceOffering, Template
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    entities,
    entity,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned
from sdn_orch.northbound.service import Transaction

ID = entity("id", Machine, "the id of the machine")
IDS = entities("ids", Machine, "the ids of the machines")
NETWORK = entity("networkid", Network, "machines in the network", Access.USE)
VPC = entity("vpcid", Vpc, "machines in the VPC")
STATE = text("state", "Running, Stopped or Present")
TEMPLATE = entity("templateid", Template, "the template", Access.ANY)
SIZE = entity("serviceofferingid", ServiceOffering, "the service offering", Access.ANY)
GROUP = text("group", "the group")
DISPLAY_VM = boolean("displayvm", "whether users see it")
FORCED = boolean("forced", "stop at once")
EXPUNGE = boolean("expunge", "true: for good; here that is so without it")


@lists(
    "listVirtualMachines",
    SHAPE,
    "Lists machines",
    ID,
    IDS,
    NAME,
    STATE,
    ZONE,
    NETWORK,
    VPC,
    TEMPLATE,
    SIZE,
    DISPLAY_VM,
    *SCOPE,
)
def list_virtual_machines(call: Call) -> Iterable[Machine]:
    """Machines by owner, by place and by what they are."""
    snapshot, zone, template, size = call.snapshot, call.get(ZONE), call.get(TEMPLATE), call.get(SIZE)
    state = (call.get(STATE) or "present").lower()
    networks = _networks(call)
    return chosen(
        call.get(IDS) or one_or(call, ID, lambda: owned(call, Machine)),
        (call.get(NAME), lambda machine: machine.name),
        (
            None if state == "present" else state,
            lambda machine: "running" if machine.running else "stopped",
        ),
        (zone.id if zone else None, lambda machine: machine_details(snapshot, machine).zone_id),
        (template.id if template else None, lambda m: machine_details(snapshot, m).template_id),
        (size.id if size else None, lambda m: machine_details(snapshot, m).service_offering_id),
        (call.get(DISPLAY_VM), lambda machine: machine_details(snapshot, machine).display_vm),
        (
            None if networks is None else True,
            lambda machine: networks is not None and _is_in(snapshot, machine, networks),
        ),
    )


def _networks(call: Call) -> set[str] | None:
    """The networks that machines are looked for in; None: anywhere."""
    network, vpc = call.get(NETWORK), call.get(VPC)
    if network is not None:
        return {network.id}
    return {tier.id for tier in call.snapshot.where(Network, "vpc_id", vpc.id)} if vpc is not None else None


def _is_in(snapshot: Snapshot, machine: Machine, networks: set[str]) -> bool:
    return any(nic.network_id in networks for nic in snapshot.where(Nic, "machine_id", machine.id))


@changes(
    "startVirtualMachine",
    SHAPE,
    "Starts a machine",
    required(ID),
    mode=Mode.ASYNC,
    event="VM.START",
)
def start_virtual_machine(call: Call) -> Machine:
    """The machine's NICs are programmed again."""
    return machines.set_running(call.transaction, call[ID], True)


@changes(
    "stopVirtualMachine",
    SHAPE,
    "Stops a machine",
    required(ID),
    FORCED,
    mode=Mode.ASYNC,
    event="VM.STOP",
)
def stop_virtual_machine(call: Call) -> Machine:
    """Nothing is programmed for the machine's NICs while it is stopped; they keep their addresses."""
    return machines.set_running(call.transaction, call[ID], False)


@changes(
    "destroyVirtualMachine",
    SHAPE,
    "Destroys a machine",
    required(ID),
    EXPUNGE,
    mode=Mode.ASYNC,
    event="VM.DESTROY",
)
def destroy_virtual_machine(call: Call) -> dict[str, object]:
    """The machine as it was, Destroyed; its addresses are free at once."""
    shown = SHAPE.render(call.scene, call[ID]) | {"state": "Destroyed"}
    drop_machine(call.transaction, call[ID])
    return shown


def drop_machine(transaction: Transaction, machine: Machine) -> None:
    """Delete the machine, its NICs and their details."""
    for nic in transaction.snapshot.where(Nic, "machine_id", machine.id):
        transaction.delete(*transaction.snapshot.where(SecondaryAddress, "nic_id", nic.id))
    transaction.delete(machine_details(transaction.snapshot, machine))
    machines.destroy_machine(transaction, machine)
