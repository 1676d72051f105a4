"""enable and disableStaticNat; create, delete and listIpForwardingRule(s), which say which of its ports."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import IPv4Address
from uuid import uuid4

from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Machine, Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound import public
from sdn_orch.northbound.cloudstack import portable, source_nat
from sdn_orch.northbound.cloudstack.answers.addresses import IP_FORWARD as SHAPE
from sdn_orch.northbound.cloudstack.answers.addresses import zone_of_address
from sdn_orch.northbound.cloudstack.answers.machines import nics
from sdn_orch.northbound.cloudstack.answers.networks import details
from sdn_orch.northbound.cloudstack.calls.firewall import open_ports
from sdn_orch.northbound.cloudstack.calls.forwarding import (
    ADDRESS_ID,
    ForwardedProtocol,
    check_free,
    check_unused,
    forwards,
    ports,
)
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, conflict
from sdn_orch.northbound.cloudstack.parameters import boolean, choice, entity, integer, ipv4, required
from sdn_orch.northbound.cloudstack.scope import SCOPE
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", Forward, "the id of the rule")
MACHINE = entity("virtualmachineid", Machine, "the machine")
NETWORK = entity("networkid", Network, "the network of the machine's NIC; needed for tiers with several")
GUEST = ipv4("vmguestip", "an address of the machine's NIC; its first by default")
PROTOCOL = choice("protocol", "tcp or udp", ForwardedProtocol)
START = integer("startport", "the first port", 1, 65_535)
END = integer("endport", "the last port; the first by default", 1, 65_535)
OPEN = boolean(
    "openfirewall", "true, which is the default outside of VPCs: also a firewall rule for the ports"
)


@changes(
    "enableStaticNat",
    SUCCESS,
    "Makes a public address a machine's, all of it",
    required(ADDRESS_ID),
    required(MACHINE),
    NETWORK,
    GUEST,
    event="STATICNAT.ENABLE",
)
def enable_static_nat(call: Call) -> None:
    """Not an address with rules or of source NAT, and one address a machine and network."""
    address, machine = call[ADDRESS_ID], call[MACHINE]
    if address.is_source_nat:
        raise bad(f"Can't enable static nat for source nat IP address {address.id}")
    if address.nic_id is not None and call.snapshot.need(Nic, address.nic_id).machine_id != machine.id:
        raise conflict(
            f"Failed to enable static nat for the ip address {address.address} as it already has static nat",
        )
    if portable.is_portable(call.snapshot, address.range_id):
        address = _freed(call, address, machine)
    nic, guest = target(call, address, machine, call.get(NETWORK), call.get(GUEST))
    if address.nic_id is None:
        check_unused(call, address)
    for other in call.snapshot.where(PublicAddress, "nic_id", nic.id):
        if other.id != address.id and other.guest == guest:
            raise conflict(
                f"Failed to enable static nat for the ip address {address.address} as {guest} of machine"
                f" {machine.id} already has static nat with address {other.address}",
            )
    public.map_address(call.transaction, call.snapshot.need(PublicAddress, address.id), nic, guest)


def _freed(call: Call, address: PublicAddress, machine: Machine) -> PublicAddress:
    """A portable address, which leads nowhere if the machine is not where it leads, and nothing uses it."""
    homes = [call.snapshot.need(Network, nic.network_id) for nic in nics(call.snapshot, machine.id)]
    if address.vpc_id is not None:
        is_there = any(home.vpc_id == address.vpc_id for home in homes)
    else:
        is_there = any(home.id == address.network_id for home in homes)
    if is_there or address.nic_id is not None:
        return address
    check_unused(call, address)
    return call.transaction.put(dataclasses.replace(address, network_id=None, vpc_id=None))


def target(
    call: Call, address: PublicAddress, machine: Machine, network: Network | None, guest: IPv4Address | None
) -> tuple[Nic, IPv4Address]:
    """The machine's NIC into whose network the address leads, and the address there; raises faults.

    An address that leads nowhere yet leads into that network from now on; a portable one moves to its zone.
    """
    if machine.account_id != address.account_id:
        raise bad(f"Machine {machine.id} and public address {address.id} belong to different accounts")
    is_free = address.vpc_id is None and address.network_id is None
    is_portable = portable.is_portable(call.snapshot, address.range_id)
    zone_id = None if is_portable else zone_of_address(call.snapshot, address)
    wanted = network.id if network else address.network_id
    for nic in nics(call.snapshot, machine.id):
        home = call.snapshot.need(Network, nic.network_id)
        if home.account_id != address.account_id or (wanted is not None and home.id != wanted):
            continue
        if not is_free and home.vpc_id != address.vpc_id:
            continue
        home_zone_id = details(call.snapshot, home).zone_id
        if zone_id not in (None, home_zone_id):
            continue
        found = guest or nic.ipv4
        if found is None or found not in nic.addresses:
            raise bad(
                f"{guest or 'An IPv4 address'} is not an address of NIC {nic.id} of machine {machine.id}"
            )
        _check_service(call, home)
        if is_free:
            public.associate(call.transaction, address, home)
            if is_portable:
                portable.move(call.transaction, address, home_zone_id)
        return nic, found
    raise bad(f"Machine {machine.id} has no NIC in the network into which public address {address.id} leads")


def _check_service(call: Call, network: Network) -> None:
    _, services = source_nat.zone_and_services(call.snapshot, network)
    if not dict(services).keys() & {"StaticNat", "PortForwarding"}:
        raise bad(f"Network {network.id} serves neither StaticNat nor PortForwarding")


@changes(
    "disableStaticNat",
    SUCCESS,
    "Ends static NAT of a public address",
    required(ADDRESS_ID),
    mode=Mode.ASYNC,
    event="STATICNAT.DISABLE",
)
def disable_static_nat(call: Call) -> None:
    """The address stays with its network; rules about its ports go."""
    if call[ADDRESS_ID].nic_id is None:
        raise bad(f"Specified IP address id is not static nat enabled: {call[ADDRESS_ID].id}")
    public.unmap_address(call.transaction, call[ADDRESS_ID])


@changes(
    "createIpForwardingRule",
    SHAPE,
    "Lets ports of an address with static NAT through",
    required(ADDRESS_ID),
    required(PROTOCOL),
    required(START),
    END,
    OPEN,
    mode=Mode.ASYNC_CREATE,
    event="NET.RULEADD",
)
def create_ip_forwarding_rule(call: Call) -> Forward:
    """The rule; its ports are nobody else's."""
    address = call[ADDRESS_ID]
    if address.nic_id is None or address.guest is None:
        raise bad(f"Unable to create ip forwarding rule; ip id={address.id} is not static nat enabled")
    if address.vpc_id is not None and call.get(OPEN):
        raise bad("Can't set openFirewall=true when IP address belongs to VPC")
    both = ports(call.get(START), call.get(END), "endport")
    forward = Forward(
        id=str(uuid4()),
        address_id=address.id,
        nic_id=address.nic_id,
        guest=address.guest,
        protocol=call[PROTOCOL].number,
        public=both,
        private=both,
        is_static=True,
    )
    check_free(call, forward)
    public.create_forward(call.transaction, forward)
    open_ports(call, call.get(OPEN), address, forward.protocol, both, forward_id=forward.id)
    return forward


@changes(
    "deleteIpForwardingRule",
    SUCCESS,
    "Deletes a rule of static NAT",
    required(ID),
    mode=Mode.ASYNC,
    event="NET.RULEDELETE",
)
def delete_ip_forwarding_rule(call: Call) -> None:
    """The ports are not let through any more."""
    if not call[ID].is_static:
        raise bad(f"Rule {call[ID].id} is a port forwarding rule")
    public.delete_forward(call.transaction, call[ID])


@lists(
    "listIpForwardingRules",
    SHAPE,
    "Lists rules of static NAT",
    ID,
    ADDRESS_ID,
    MACHINE,
    *SCOPE,
)
def list_ip_forwarding_rules(call: Call) -> Iterable[Forward]:
    """Rules by owner, address and machine."""
    machine = call.get(MACHINE)
    return (
        forward
        for forward in forwards(call, ID, None)
        if forward.is_static
        and (machine is None or call.snapshot.need(Nic, forward.nic_id).machine_id == machine.id)
    )
