"""NICs of machines: list, add, remove, make one the default; their addresses."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from uuid import uuid4

from sdn_orch.intent.model import Account, Machine, Network, Nic
from sdn_orch.northbound import machines
from sdn_orch.northbound.cloudstack.answers.machines import (
    MACHINE,
    NIC,
    SECONDARY_ADDRESS,
    machine_details,
    nics,
)
from sdn_orch.northbound.cloudstack.answers.networks import details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.deployment import MAC_ADDRESS, check_network
from sdn_orch.northbound.cloudstack.calls.security_groups import groups_for
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import INTERNAL, ApiFault, bad
from sdn_orch.northbound.cloudstack.filters import all_have
from sdn_orch.northbound.cloudstack.model import SecondaryAddress
from sdn_orch.northbound.cloudstack.parameters import address, boolean, entity, ipv4, required
from sdn_orch.northbound.cloudstack.scope import chosen
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.machines import Wish

MACHINE_ID = entity("virtualmachineid", Machine, "the id of the machine")
NIC_ID = entity("nicid", Nic, "the id of the NIC")
NETWORK = entity("networkid", Network, "the network", Access.USE)
IPV4 = ipv4("ipaddress", "the IPv4 address; by default the next free one")
ADDRESS = address("ipaddress", "the address; by default the next free IPv4 one")
SHOWN = all_have(boolean("fordisplay", "NICs that users see, which all are, or others"), True)
SECONDARY = entity("id", SecondaryAddress, "the id of the secondary address")


@lists("listNics", NIC, "Lists the NICs of a machine", required(MACHINE_ID), NIC_ID, NETWORK, SHOWN)
def list_nics(call: Call) -> Iterable[Nic]:
    """The machine's NICs, the default one first."""
    nic, network = call.get(NIC_ID), call.get(NETWORK)
    return chosen(
        nics(call.snapshot, call[MACHINE_ID].id),
        (nic.id if nic else None, lambda each: each.id),
        (network.id if network else None, lambda each: each.network_id),
    )


@changes(
    "addNicToVirtualMachine",
    MACHINE,
    "Gives a machine another NIC",
    required(MACHINE_ID),
    required(NETWORK),
    IPV4,
    MAC_ADDRESS,
    mode=Mode.ASYNC,
    event="NIC.CREATE",
)
def add_nic_to_virtual_machine(call: Call) -> Machine:
    """The machine with the new NIC, which is its default one only if it is its first."""
    machine, network = call[MACHINE_ID], call[NETWORK]
    check_network(call, network, call.snapshot.need(Account, machine.account_id))
    if details(call.snapshot, network).zone_id != machine_details(call.snapshot, machine).zone_id:
        raise bad(f"Network {network.id} is in another zone than machine {machine.id}")
    present = nics(call.snapshot, machine.id)
    if any(nic.network_id == network.id for nic in present):
        raise bad(f"A NIC already exists for VM:{machine.id} in network: {network.id}")
    wish = Wish(
        network=network,
        mac=call.get(MAC_ADDRESS),
        ipv4=call.get(IPV4),
        groups=groups_for(call, machine, network),
    )
    machines.add_nic(call.transaction, machine, wish, is_default=not present)
    return machine


@changes(
    "removeNicFromVirtualMachine",
    MACHINE,
    "Takes a NIC from a machine",
    required(MACHINE_ID),
    required(NIC_ID),
    mode=Mode.ASYNC,
    event="NIC.DELETE",
)
def remove_nic_from_virtual_machine(call: Call) -> Machine:
    """The machine without the NIC; its default NIC stays."""
    machine, nic = call[MACHINE_ID], call[NIC_ID]
    if nic.machine_id != machine.id:
        raise bad(f"{nic.id} is not a nic on VM:{machine.id}")
    if nic.is_default:
        raise bad(f"Unable to remove nic from {machine.id} in network {nic.network_id}, nic is default.")
    call.transaction.delete(*call.snapshot.where(SecondaryAddress, "nic_id", nic.id))
    machines.remove_nic(call.transaction, nic)
    return machine


@changes(
    "updateDefaultNicForVirtualMachine",
    MACHINE,
    "Makes another NIC of a machine its default one",
    required(MACHINE_ID),
    required(NIC_ID),
    mode=Mode.ASYNC,
    event="NIC.UPDATE",
)
def update_default_nic_for_virtual_machine(call: Call) -> Machine:
    """The machine, which learns by DHCP and router advertisements by which gateway to go out."""
    machine, nic = call[MACHINE_ID], call[NIC_ID]
    if nic.machine_id != machine.id:
        raise bad(f"{nic.id} is not a nic on  VM:{machine.id}")
    if nic.is_default:
        raise ApiFault(INTERNAL, "refusing to set default nic because chosen nic is already the default")
    machines.make_default(call.transaction, nic)
    return machine


@changes(
    "updateVmNicIp",
    MACHINE,
    "Changes the IPv4 address of a NIC",
    required(NIC_ID),
    IPV4,
    mode=Mode.ASYNC,
    event="NIC.UPDATE",
)
def update_vm_nic_ip(call: Call) -> Machine:
    """The machine with the new address, which it learns by DHCP."""
    machines.change_ipv4(call.transaction, call[NIC_ID], call.get(IPV4))
    return call.snapshot.need(Machine, call[NIC_ID].machine_id or "")


@changes(
    "addIpToNic",
    SECONDARY_ADDRESS,
    "Gives a NIC a secondary address",
    required(NIC_ID),
    ADDRESS,
    mode=Mode.ASYNC_CREATE,
    event="NIC.SECONDARY.IP.ASSIGN",
)
def add_ip_to_nic(call: Call) -> SecondaryAddress:
    """The address, under an id of its own."""
    given = machines.add_address(call.transaction, call[NIC_ID], call.get(ADDRESS))
    return call.transaction.put(SecondaryAddress(id=str(uuid4()), nic_id=call[NIC_ID].id, address=str(given)))


@changes(
    "removeIpFromNic",
    SUCCESS,
    "Takes a secondary address from a NIC",
    required(SECONDARY),
    mode=Mode.ASYNC,
    event="NIC.SECONDARY.IP.UNASSIGN",
)
def remove_ip_from_nic(call: Call) -> None:
    """The address is free at once."""
    secondary = call[SECONDARY]
    machines.remove_address(
        call.transaction, call.snapshot.need(Nic, secondary.nic_id), ip_address(secondary.address)
    )
    call.transaction.delete(secondary)
