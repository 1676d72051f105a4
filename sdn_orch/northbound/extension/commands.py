"""Every command: what its payload is, and what it makes so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdn_orch.intent.model import Machine, Network, Nic
from sdn_orch.northbound import public
from sdn_orch.northbound.extension import addresses, balancing, guests, identity, nics, payload, places, rules
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.service import Service

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """What reads the payload, and what carries it out in one transaction."""

    payload: type[payload.Fields]
    carry_out: Callable[[Cloud, Any], None]


def run(service: Service, cloud: str, name: str, given: dict[str, Any]) -> None:
    """Carry a command out; one that is not known does nothing. Raises what is wrong with it."""
    command = COMMANDS.get(name)
    if command is None:
        log.warning("command %r of CloudStack is not known and does nothing", name[:60])
        return
    said = payload.read(command.payload, given)
    service.write(lambda transaction: command.carry_out(Cloud(transaction, cloud), said))


# --- networks and VPCs ------------------------------------------------------------------------------


def _implement_network(cloud: Cloud, said: payload.NetworkFields) -> None:
    places.make_network(cloud, said)


def _shut_down_network(cloud: Cloud, said: payload.NetworkFields) -> None:
    if (network := places.find_network(cloud, said)) is not None:
        places.shut_down(cloud, network)


def _destroy_network(cloud: Cloud, said: payload.NetworkFields) -> None:
    if (network := places.find_network(cloud, said)) is not None:
        places.destroy(cloud, network)


def _implement_vpc(cloud: Cloud, said: payload.ImplementVpc) -> None:
    if said.address is not None:
        identity.name_vpc_of(cloud, [said.address], said.vpc_id)
    vpc = places.make_vpc(cloud, said)
    if said.address is not None:
        public.go_out_by(cloud.transaction, addresses.make(cloud, said.address, vpc), vpc)


def _shut_down_vpc(cloud: Cloud, said: payload.VpcFields) -> None:
    if (vpc := places.find_vpc(cloud, said)) is not None:
        places.shut_down_vpc(cloud, vpc)


def _change_source_nat(cloud: Cloud, said: payload.VpcAddress) -> None:
    vpc = places.make_vpc(cloud, said)
    public.go_out_by(cloud.transaction, addresses.make(cloud, said, vpc), vpc)


# --- public addresses -------------------------------------------------------------------------------


def _assign_ip(cloud: Cloud, said: payload.NetworkAddress) -> None:
    addresses.make(cloud, said, places.make_network(cloud, said))


def _release_ip(cloud: Cloud, said: payload.NetworkAddress) -> None:
    if (address := addresses.find_of(cloud, said)) is not None:
        addresses.clear(cloud, address)
        public.release_address(cloud.transaction, address)


def _add_static_nat(cloud: Cloud, said: payload.StaticNat) -> None:
    addresses.map_to_nic(cloud, said, places.make_network(cloud, said))


def _delete_static_nat(cloud: Cloud, said: payload.StaticNat) -> None:
    addresses.unmap(cloud, said)


def _add_port_forward(cloud: Cloud, said: payload.PortForward) -> None:
    addresses.forward(cloud, said, places.make_network(cloud, said))


def _delete_port_forward(cloud: Cloud, said: payload.PortForward) -> None:
    addresses.end_forward(cloud, said)


# --- rules ------------------------------------------------------------------------------------------


def _apply_firewall(cloud: Cloud, said: payload.Firewall) -> None:
    rules.apply_firewall(cloud, places.make_network(cloud, said), said.fw_rules)


def _apply_acl(cloud: Cloud, said: payload.NetworkAcl) -> None:
    rules.apply_acl(cloud, places.make_network(cloud, said), said.acl_rules)


def _apply_balancers(cloud: Cloud, said: payload.Balancers) -> None:
    balancing.apply(cloud, places.make_network(cloud, said), said.lb_rules)


# --- NICs -------------------------------------------------------------------------------------------


def _prepare_nic(cloud: Cloud, said: payload.NetworkNic) -> None:
    nics.make(cloud, places.make_network(cloud, said), said, active=True)


def _release_nic(cloud: Cloud, said: payload.NetworkNic) -> None:
    if (nic := _known(cloud, said)) is not None:
        nics.release(cloud, nic)


def _forget_nic(cloud: Cloud, said: payload.NetworkNic) -> None:
    """A NIC loses its entries only with its end."""
    if (nic := _known(cloud, said)) is not None:
        nics.forget(cloud, nic)


def _known(cloud: Cloud, said: payload.NetworkNic) -> Nic | None:
    network = places.find_network(cloud, said)
    return None if network is None else nics.find(cloud, network, said)


# --- what machines are told -------------------------------------------------------------------------


def _configure_dhcp(cloud: Cloud, said: payload.NetworkNames) -> None:
    guests.set_names(cloud, places.make_network(cloud, said), said)


def _configure_dns(cloud: Cloud, said: payload.NetworkNames) -> None:
    guests.set_names(cloud, places.make_network(cloud, said), said, answers=True)


def _remove_dhcp(_cloud: Cloud, _said: payload.NetworkFields) -> None:
    """Addresses are told by NIC: where there is none, nobody is told any."""


def _remove_dns(cloud: Cloud, said: payload.NetworkNames) -> None:
    if (network := places.find_network(cloud, said)) is not None:
        guests.set_names(cloud, network, payload.NameFields(), answers=False)


def _add_dhcp_entry(cloud: Cloud, said: payload.NicNames) -> None:
    network = places.make_network(cloud, said)
    guests.set_names(cloud, network, said)
    nics.make(cloud, network, said, active=True)


def _add_dns_entry(cloud: Cloud, said: payload.NicNames) -> None:
    network = places.make_network(cloud, said)
    guests.set_names(cloud, network, said, answers=True)
    nics.make(cloud, network, said, active=True)


def _save_vm_data(cloud: Cloud, said: payload.VmData) -> None:
    guests.set_files(cloud, _machine(cloud, said), said.vm_data)


def _save_password(cloud: Cloud, said: payload.Password) -> None:
    guests.set_password(cloud, _machine(cloud, said), said.password)


def _save_user_data(cloud: Cloud, said: payload.UserData) -> None:
    guests.set_user_data(cloud, _machine(cloud, said), said.userdata)


def _save_ssh_key(cloud: Cloud, said: payload.SshKey) -> None:
    guests.set_keys(cloud, _machine(cloud, said), said.sshkey.splitlines())


def _save_host(cloud: Cloud, said: payload.HypervisorHost) -> None:
    guests.set_host(cloud, _machine(cloud, said), said.hypervisor_hostname)


def _machine(cloud: Cloud, said: payload.NetworkNic) -> Machine:
    nic = nics.make(cloud, places.make_network(cloud, said), said, active=None)
    return nics.machine_of(cloud, nic)


def _restore(cloud: Cloud, said: payload.Restore) -> None:
    network = places.make_network(cloud, said)
    guests.set_names(cloud, network, said, answers=said.restore_data.dns_enabled)
    network = cloud.snapshot.need(Network, network.id)
    for vm in said.restore_data.vms:
        nic = nics.make(cloud, network, vm, active=None)
        if vm.vm_data:
            guests.set_files(cloud, nics.machine_of(cloud, nic), vm.vm_data)


COMMANDS: dict[str, Command] = {
    "implement-network": Command(payload.NetworkFields, _implement_network),
    "shutdown-network": Command(payload.NetworkFields, _shut_down_network),
    "destroy-network": Command(payload.NetworkFields, _destroy_network),
    "implement-vpc": Command(payload.ImplementVpc, _implement_vpc),
    "shutdown-vpc": Command(payload.VpcFields, _shut_down_vpc),
    "update-vpc-source-nat-ip": Command(payload.VpcAddress, _change_source_nat),
    "assign-ip": Command(payload.NetworkAddress, _assign_ip),
    "release-ip": Command(payload.NetworkAddress, _release_ip),
    "add-static-nat": Command(payload.StaticNat, _add_static_nat),
    "delete-static-nat": Command(payload.StaticNat, _delete_static_nat),
    "add-port-forward": Command(payload.PortForward, _add_port_forward),
    "delete-port-forward": Command(payload.PortForward, _delete_port_forward),
    "apply-fw-rules": Command(payload.Firewall, _apply_firewall),
    "apply-network-acl": Command(payload.NetworkAcl, _apply_acl),
    "apply-lb-rules": Command(payload.Balancers, _apply_balancers),
    "prepare-nic": Command(payload.NetworkNic, _prepare_nic),
    "release-nic": Command(payload.NetworkNic, _release_nic),
    "config-dhcp-subnet": Command(payload.NetworkNames, _configure_dhcp),
    "remove-dhcp-subnet": Command(payload.NetworkFields, _remove_dhcp),
    "add-dhcp-entry": Command(payload.NicNames, _add_dhcp_entry),
    "remove-dhcp-entry": Command(payload.NetworkNic, _forget_nic),
    "config-dns-subnet": Command(payload.NetworkNames, _configure_dns),
    "remove-dns-subnet": Command(payload.NetworkNames, _remove_dns),
    "add-dns-entry": Command(payload.NicNames, _add_dns_entry),
    "remove-dns-entry": Command(payload.NetworkNic, _forget_nic),
    "save-vm-data": Command(payload.VmData, _save_vm_data),
    "save-password": Command(payload.Password, _save_password),
    "save-userdata": Command(payload.UserData, _save_user_data),
    "save-sshkey": Command(payload.SshKey, _save_ssh_key),
    "save-hypervisor-hostname": Command(payload.HypervisorHost, _save_host),
    "restore-network": Command(payload.Restore, _restore),
}
