"""Every command, one declaration each, by its name."""

from __future__ import annotations

from sdn_orch.northbound.cloudstack.calls import (
    absent,
    account_changes,
    accounts,
    acl_items,
    acl_lists,
    addresses,
    balancer_members,
    balancer_policies,
    balancers,
    capabilities,
    catalogue,
    certificates,
    deployment,
    domains,
    firewall,
    history,
    inner_balancers,
    installation,
    limits,
    machines,
    network_creation,
    network_offerings,
    networks,
    nics,
    physical_networks,
    pods,
    port_forwarding,
    project_members,
    projects,
    roles,
    routed_firewall,
    service_offerings,
    sessions,
    settings,
    static_nat,
    tags,
    user_changes,
    users,
    vlan_ranges,
    vpc_offerings,
    vpcs,
    zones,
)
from sdn_orch.northbound.cloudstack.calls.apis import declare_list_apis, declare_list_event_types
from sdn_orch.northbound.cloudstack.declare import Command

_MODULES = (
    zones,
    physical_networks,
    network_offerings,
    vpc_offerings,
    network_creation,
    networks,
    vpcs,
    deployment,
    machines,
    nics,
    vlan_ranges,
    addresses,
    static_nat,
    port_forwarding,
    balancers,
    balancer_members,
    balancer_policies,
    inner_balancers,
    certificates,
    firewall,
    routed_firewall,
    acl_lists,
    acl_items,
    domains,
    accounts,
    account_changes,
    users,
    user_changes,
    roles,
    projects,
    project_members,
    tags,
    limits,
    settings,
    sessions,
    pods,
    service_offerings,
    installation,
    absent,
    catalogue,
    history,
    capabilities,
)

COMMANDS: dict[str, Command] = {
    command.name: command
    for module in _MODULES
    for command in vars(module).values()
    if isinstance(command, Command)
}
COMMANDS["listEventTypes"] = declare_list_event_types(COMMANDS.values)
COMMANDS["listApis"] = declare_list_apis(COMMANDS.values)
