"""Rules of routed networks: IPv6, and IPv4 without NAT. One set of calls for each, alike but in names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.intent.firewall import RoutedRule
from sdn_orch.intent.model import Network, NetworkKind
from sdn_orch.intent.traffic import Direction
from sdn_orch.northbound.cloudstack.answers.firewall import IPV6_RULE, ROUTED_RULE
from sdn_orch.northbound.cloudstack.calls.firewall import check_same, check_served, of_networks
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.display import FOR_DISPLAY, is_shown, show
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.packets import (
    BASIC_AND_ALL,
    DESTINATION_CIDRS,
    PACKETS,
    PROTOCOL,
    read_packets,
    read_prefixes,
)
from sdn_orch.northbound.cloudstack.parameters import choice, entity, required
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", RoutedRule, "the id of the rule")
NETWORK = entity("networkid", Network, "the network")
DIRECTION = choice("traffictype", "Ingress, which is the default, or Egress", Direction)


def _create(call: Call, version: int) -> RoutedRule:
    network = call[NETWORK]
    if network.kind is not NetworkKind.ISOLATED or network.vpc_id is not None:
        raise bad("Such firewall rules are for networks of type Isolated outside of VPCs")
    if (network.ipv4 if version == 4 else network.ipv6) is None:
        raise bad(f"Network {network.id} has no IPv{version} prefix")
    if version == 4 and not network.routed4:
        raise bad(f"Network {network.id} is not of mode ROUTED: its IPv4 has firewall and egress rules")
    check_served(call, network, "Firewall")
    rule = RoutedRule(
        id=str(uuid4()),
        network_id=network.id,
        direction=call.get(DIRECTION) or Direction.INGRESS,
        version=version,
        destinations=read_prefixes(call, DESTINATION_CIDRS, version),
        **read_packets(call, BASIC_AND_ALL, version=version),
    )
    check_same(call, rule)
    call.transaction.put(rule)
    show(call.transaction, rule, call.get(FOR_DISPLAY))
    return rule


def _of_version(call: Call, version: int) -> RoutedRule:
    """The rule that the call names; one of the other version is none of its."""
    if call[ID].version != version:
        raise bad(f"Rule {call[ID].id} is not about IPv{version}")
    return call[ID]


def _list(call: Call, version: int) -> Iterable[RoutedRule]:
    return chosen(
        one_or(call, ID, lambda: of_networks(call, RoutedRule, NETWORK)),
        (version, lambda rule: rule.version),
        (call.get(DIRECTION), lambda rule: rule.direction),
        (call.get(FOR_DISPLAY), lambda rule: is_shown(call.snapshot, rule)),
    )


@changes(
    "createIpv6FirewallRule",
    IPV6_RULE,
    "Lets IPv6 packets in to a network or out of it",
    required(NETWORK),
    required(PROTOCOL),
    *PACKETS,
    DESTINATION_CIDRS,
    DIRECTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="IPV6.FIREWALL.RULE.CREATE",
)
def create_ipv6_firewall_rule(call: Call) -> RoutedRule:
    """The rule, which meets no other."""
    return _create(call, 6)


@changes(
    "updateIpv6FirewallRule",
    IPV6_RULE,
    "Updates an IPv6 firewall rule",
    required(ID),
    PROTOCOL,
    *PACKETS,
    DIRECTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="IPV6.FIREWALL.RULE.UPDATE",
)
def update_ipv6_firewall_rule(call: Call) -> RoutedRule:
    """The rule about other packets, all of which are said anew where the protocol is."""
    old = _of_version(call, 6)
    changed = dataclasses.replace(old, direction=call.get(DIRECTION) or old.direction)
    if call.get(PROTOCOL) is not None:
        changed = dataclasses.replace(changed, **read_packets(call, BASIC_AND_ALL, version=6))
    elif any(call.get(each) is not None for each in PACKETS):
        raise bad("protocol is required where ports, ICMP types or CIDRs are given")
    check_same(call, changed)
    show(call.transaction, old, call.get(FOR_DISPLAY))
    return call.transaction.put(changed)


@changes(
    "deleteIpv6FirewallRule",
    SUCCESS,
    "Deletes an IPv6 firewall rule",
    required(ID),
    mode=Mode.ASYNC,
    event="IPV6.FIREWALL.RULE.DELETE",
)
def delete_ipv6_firewall_rule(call: Call) -> None:
    """Such packets pass no more."""
    call.transaction.delete(_of_version(call, 6))


@lists(
    "listIpv6FirewallRules",
    IPV6_RULE,
    "Lists IPv6 firewall rules",
    ID,
    NETWORK,
    DIRECTION,
    FOR_DISPLAY,
    *SCOPE,
)
def list_ipv6_firewall_rules(call: Call) -> Iterable[RoutedRule]:
    """Rules by owner, network and direction."""
    return _list(call, 6)


@changes(
    "createRoutingFirewallRule",
    ROUTED_RULE,
    "Lets IPv4 packets in to a routed network or out of it",
    required(NETWORK),
    required(PROTOCOL),
    *PACKETS,
    DESTINATION_CIDRS,
    DIRECTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="ROUTING.IPV4.FIREWALL.RULE.CREATE",
)
def create_routing_firewall_rule(call: Call) -> RoutedRule:
    """The rule, which meets no other."""
    return _create(call, 4)


@changes(
    "updateRoutingFirewallRule",
    ROUTED_RULE,
    "Updates a firewall rule of a routed network",
    required(ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="ROUTING.IPV4.FIREWALL.RULE.UPDATE",
)
def update_routing_firewall_rule(call: Call) -> RoutedRule:
    """Shown to users, or not."""
    rule = _of_version(call, 4)
    show(call.transaction, rule, call.get(FOR_DISPLAY))
    return rule


@changes(
    "deleteRoutingFirewallRule",
    SUCCESS,
    "Deletes a firewall rule of a routed network",
    required(ID),
    mode=Mode.ASYNC,
    event="ROUTING.IPV4.FIREWALL.RULE.DELETE",
)
def delete_routing_firewall_rule(call: Call) -> None:
    """Such packets pass no more."""
    call.transaction.delete(_of_version(call, 4))


@lists(
    "listRoutingFirewallRules",
    ROUTED_RULE,
    "Lists firewall rules of routed networks",
    ID,
    NETWORK,
    DIRECTION,
    FOR_DISPLAY,
    *SCOPE,
)
def list_routing_firewall_rules(call: Call) -> Iterable[RoutedRule]:
    """Rules by owner, network and direction."""
    return _list(call, 4)
