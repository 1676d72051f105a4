"""listVirtualMachines, and start, stop, reboot, update and destroyVirtualMachine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Machine, Network, NetworkKind, Nic, Vpc
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.northbound import machine_data, machines
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE as SHAPE
from sdn_orch.northbound.cloudstack.answers.machines import machine_details, nics
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE
from sdn_orch.northbound.cloudstack.calls.security_groups import GROUP_NAMES, GROUPS, change_groups
from sdn_orch.northbound.cloudstack.calls.user_data import REGISTERED, USER_DATA, in_base64
from sdn_orch.northbound.cloudstack.calls.user_data import given as given_user_data
from sdn_orch.northbound.cloudstack.declare import COUNT_ONLY, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import all_have, by, matching, nowhere, of_none, where
from sdn_orch.northbound.cloudstack.model import SecondaryAddress, ServiceOffering, Template, User
from sdn_orch.northbound.cloudstack.model_guests import KeyPair
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    entities,
    entity,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned, visible
from sdn_orch.northbound.cloudstack.shapes import Scene, Shape, string
from sdn_orch.northbound.service import Transaction

ID = entity("id", Machine, "the id of the machine")
IDS = entities("ids", Machine, "the ids of the machines")
NETWORK = entity("networkid", Network, "machines in the network", Access.USE)
VPC = entity("vpcid", Vpc, "machines in the VPC")
SECURITY_GROUP = entity("securitygroupid", SecurityGroup, "machines in the security group")
STATE = text("state", "Running, Stopped or Present")
TEMPLATE = entity("templateid", Template, "the template", Access.ANY)
SIZE = entity("serviceofferingid", ServiceOffering, "the service offering", Access.ANY)
GROUP = text("group", "the group")
WITH_USER_DATA = boolean("userdata", "whether user data are shown, too")
DISPLAY_VM = boolean("displayvm", "whether users see it")
FORCED = boolean("forced", "stop at once")
DISPLAY_NAME = text("displayname", "the name shown for the machine")
EXPUNGE = boolean("expunge", "true: for good; here that is so without it")


def _is_isolated(scene: Scene, machine: Machine) -> bool:
    found = nics(scene.snapshot, machine.id)
    return any(scene.snapshot.need(Network, nic.network_id).kind is NetworkKind.ISOLATED for nic in found)


def _has_key_of(scene: Scene, machine: Machine, name: str) -> bool:
    data = scene.snapshot.get(MachineData, machine.id)
    pairs = scene.snapshot.where(KeyPair, "name", name)
    return data is not None and any(
        pair.account_id == machine.account_id and pair.public_key in data.public_keys for pair in pairs
    )


FILTERS = (
    by(SHAPE, text("hypervisor", "the hypervisor")),
    by(SHAPE, boolean("haenable", "machines that are highly available, which none is, or others")),
    by(SHAPE, entity("userid", User, "machines that the user deployed")),
    where(
        boolean("forvirtualnetwork", "machines with a NIC in an isolated network, or others"), _is_isolated
    ),
    matching(text("keypair", "machines with the public key of the pair of this name"), _has_key_of),
    all_have(boolean("gpuenabled", "machines with a GPU, or others"), False),
    all_have(boolean("isvnf", "machines that are network appliances, or others"), False),
    all_have(boolean("leased", "machines that are leased for a time, or others"), False),
    all_have(text("arch", "machines of this architecture; of none it is known"), None),
    of_none("podid", Pod, "machines in the pod"),
    nowhere("affinitygroupid", "the affinity group"),
    nowhere("autoscalevmgroupid", "the group that grows and shrinks"),
    nowhere("backupofferingid", "the backup offering"),
    nowhere("clusterid", "the cluster"),
    nowhere("extensionid", "the extension"),
    nowhere("groupid", "the group of machines"),
    nowhere("hostid", "the host"),
    nowhere("isoid", "the ISO image"),
    nowhere("storageid", "the storage pool"),
)

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def _with_user_data(call: Call) -> tuple[str, Shape[Any]] | None:
    if not call.get(WITH_USER_DATA):
        return None

    def encoded(_: Scene, machine: Machine) -> str | None:
        return in_base64(call, machine) or None

    told = string("userdata", "the user data in Base64", encoded)
    return SHAPE.key, replace(SHAPE, fields=(*SHAPE.fields, told))


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
    SECURITY_GROUP,
    TEMPLATE,
    SIZE,
    DISPLAY_VM,
    WITH_USER_DATA,
    *FILTERS,
    COUNT_ONLY,
    *SCOPE,
    variant=_with_user_data,
)
def list_virtual_machines(call: Call) -> Iterable[Machine]:
    """Machines by owner, by place and by what they are."""
    snapshot, zone, template, size = call.snapshot, call.get(ZONE), call.get(TEMPLATE), call.get(SIZE)
    state = (call.get(STATE) or "present").lower()
    group = call.get(SECURITY_GROUP)
    members = {nic.machine_id for nic in snapshot.where(Nic, "group_ids", group.id)} if group else set()
    return chosen(
        call.get(IDS) or one_or(call, ID, lambda: _seen(call)),
        (call.get(NAME), lambda machine: machine.name),
        (
            None if state == "present" else state,
            lambda machine: "running" if machine.running else "stopped",
        ),
        (zone.id if zone else None, lambda machine: machine_details(snapshot, machine).zone_id),
        (template.id if template else None, lambda m: machine_details(snapshot, m).template_id),
        (size.id if size else None, lambda m: machine_details(snapshot, m).service_offering_id),
        (call.get(DISPLAY_VM), lambda machine: machine_details(snapshot, machine).display_vm),
        (True if group else None, lambda machine: machine.id in members),
    )


def _seen(call: Call) -> Iterable[Machine]:
    """The machines in scope, those in the network or VPC that is asked for."""
    snapshot, network, vpc = call.snapshot, call.get(NETWORK), call.get(VPC)
    if vpc is not None:
        networks = snapshot.where(Network, "vpc_id", vpc.id)
    elif network is not None:
        networks = (network,)
    else:
        return owned(call, Machine)
    ids = {
        nic.machine_id
        for each in networks
        if network is None or each.id == network.id
        for nic in snapshot.where(Nic, "network_id", each.id)
        if nic.machine_id is not None
    }
    found = (snapshot.need(Machine, id) for id in ids)
    return visible(call, sorted(found, key=lambda machine: machine.number))


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
    "rebootVirtualMachine",
    SHAPE,
    "Reboots a machine",
    required(ID),
    FORCED,
    mode=Mode.ASYNC,
    event="VM.REBOOT",
)
def reboot_virtual_machine(call: Call) -> Machine:
    """Nothing to do: its NICs stay programmed while its hypervisor reboots it."""
    if not call[ID].running:
        raise bad(f"Vm with id {call[ID].id} is not in the right state to be rebooted: it is Stopped")
    return call[ID]


@changes(
    "updateVirtualMachine",
    SHAPE,
    "Updates a machine",
    required(ID),
    NAME,
    DISPLAY_NAME,
    DISPLAY_VM,
    GROUP,
    GROUPS,
    GROUP_NAMES,
    USER_DATA,
    REGISTERED,
    event="VM.UPDATE",
)
def update_virtual_machine(call: Call) -> Machine:
    """Another name, which DHCP tells with the next lease, other texts, security groups, or user data."""
    machine, name, shown = call[ID], call.get(NAME), call.get(DISPLAY_VM)
    change_groups(call, machine)
    if (user_data := given_user_data(call)) is not None:
        machine_data.set_user_data(call.transaction, machine, user_data)
    if name is not None and name != machine.name:
        check_host_name(name)
        for nic in call.snapshot.where(Nic, "machine_id", machine.id):
            if nic.hostname:
                call.transaction.put(replace(nic, hostname=name))
    old = machine_details(call.snapshot, machine)
    call.transaction.put(
        replace(
            old,
            group=call.get(GROUP) or old.group,
            display_vm=old.display_vm if shown is None else shown,
        )
    )
    return call.transaction.put(
        replace(
            machine,
            name=name or machine.name,
            display_name=call.get(DISPLAY_NAME) or machine.display_name,
        )
    )


def check_host_name(name: str) -> None:
    """Raises a fault if a machine cannot be named so."""
    if not _HOST_NAME.fullmatch(name):
        raise bad(
            "Invalid name. Vm name can contain ASCII letters 'a' through 'z', the digits '0' through '9', "
            "and the hyphen ('-'), must be between 1 and 63 characters long, "
            'and can\'t start or end with "-"'
        )


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
