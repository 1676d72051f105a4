"""Firewall rules of public addresses and of what leaves networks: create, update, delete and list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar
from uuid import uuid4

from sdn_orch.intent.firewall import EgressRule, FirewallRule, OpenRule
from sdn_orch.intent.firewall_rules import same
from sdn_orch.intent.model import Network, NetworkKind, Record
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound.cloudstack import source_nat
from sdn_orch.northbound.cloudstack.answers.firewall import EGRESS_RULE, FIREWALL_RULE
from sdn_orch.northbound.cloudstack.calls.forwarding import ADDRESS_ID
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.display import FOR_DISPLAY, is_shown, show
from sdn_orch.northbound.cloudstack.faults import bad, conflict
from sdn_orch.northbound.cloudstack.filters import of_none
from sdn_orch.northbound.cloudstack.packets import (
    BASIC,
    BASIC_AND_ALL,
    DESTINATION_CIDRS,
    PACKETS,
    PROTOCOL,
    read_packets,
    read_prefixes,
)
from sdn_orch.northbound.cloudstack.parameters import Parameter, entity, required
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

R = TypeVar("R", bound=Record)

ID = entity("id", FirewallRule, "the id of the rule")
EGRESS_ID = entity("id", EgressRule, "the id of the rule")
NETWORK = entity("networkid", Network, "the network")


def check_served(call: Call, network: Network, service: str) -> None:
    """Raises a parameter fault if the network's offering has no such service."""
    if not source_nat.serves(call.snapshot, network, service):
        raise bad(f"Network {network.id} has no service {service}")


def check_same(call: Call, rule: OpenRule) -> None:
    """Raises a conflict if another rule is about some of the same packets."""
    other = same(call.snapshot, rule)
    if other is not None:
        raise conflict(f"New rule conflicts with existing rule id={other.id}: it is about the same packets")


def open_ports(
    call: Call,
    is_wanted: bool | None,
    address: PublicAddress,
    protocol: int,
    ports: tuple[int, int],
    *,
    forward_id: str | None = None,
    balancer_id: str | None = None,
) -> None:
    """Make the rule that a call asks for besides another one, as it does unless it says no.

    One about these ports that is there already stays, whomever it lets in. Addresses of VPCs have no such
    rules. Raises a conflict like `check_same`.
    """
    if address.vpc_id is not None or is_wanted is False:
        return
    rule = FirewallRule(
        id=str(uuid4()),
        address_id=address.id,
        forward_id=forward_id,
        balancer_id=balancer_id,
        protocol=protocol,
        ports=ports,
    )
    known = call.snapshot.where(FirewallRule, "blocks", rule.blocks[0])
    if any(other.ports == ports for other in known):
        return
    check_same(call, rule)
    call.transaction.put(rule)


@changes(
    "createFirewallRule",
    FIREWALL_RULE,
    "Lets packets in to a public address",
    required(ADDRESS_ID),
    required(PROTOCOL),
    *PACKETS,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="FIREWALL.OPEN",
)
def create_firewall_rule(call: Call) -> FirewallRule:
    """The rule, which meets no other."""
    address = call[ADDRESS_ID]
    if address.vpc_id is not None:
        raise bad(
            f"Unable to create firewall rule for the ip address {address.address}: it belongs to a VPC, whose"
            " tiers have network ACLs"
        )
    if address.network_id is None:
        raise bad(f"Unable to create firewall rule: ip {address.address} is associated with no network")
    check_served(call, call.snapshot.need(Network, address.network_id), "Firewall")
    rule = FirewallRule(id=str(uuid4()), address_id=address.id, **read_packets(call, BASIC))
    check_same(call, rule)
    call.transaction.put(rule)
    show(call.transaction, rule, call.get(FOR_DISPLAY))
    return rule


@changes(
    "updateFirewallRule",
    FIREWALL_RULE,
    "Updates a firewall rule",
    required(ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="FIREWALL.UPDATE",
)
def update_firewall_rule(call: Call) -> FirewallRule:
    """Shown to users, or not."""
    show(call.transaction, call[ID], call.get(FOR_DISPLAY))
    return call[ID]


@changes(
    "deleteFirewallRule",
    SUCCESS,
    "Deletes a firewall rule",
    required(ID),
    mode=Mode.ASYNC,
    event="FIREWALL.CLOSE",
)
def delete_firewall_rule(call: Call) -> None:
    """Such packets are let in no more."""
    call.transaction.delete(call[ID])


@lists(
    "listFirewallRules",
    FIREWALL_RULE,
    "Lists firewall rules of public addresses",
    ID,
    ADDRESS_ID,
    NETWORK,
    FOR_DISPLAY,
    *SCOPE,
)
def list_firewall_rules(call: Call) -> Iterable[FirewallRule]:
    """Rules by owner, address and network."""
    address, network = call.get(ADDRESS_ID), call.get(NETWORK)

    def others() -> Iterator[FirewallRule]:
        addresses: Iterable[PublicAddress]
        if address is not None:
            addresses = (address,)
        elif network is not None:
            addresses = call.snapshot.where(PublicAddress, "network_id", network.id)
        else:
            addresses = owned(call, PublicAddress)
        for each in addresses:
            yield from call.snapshot.where(FirewallRule, "address_id", each.id)

    return chosen(
        one_or(call, ID, others), (call.get(FOR_DISPLAY), lambda rule: is_shown(call.snapshot, rule))
    )


@changes(
    "createEgressFirewallRule",
    EGRESS_RULE,
    "Lets packets leave a network, or not where all may by default",
    required(NETWORK),
    required(PROTOCOL),
    *PACKETS,
    DESTINATION_CIDRS,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="FIREWALL.EGRESS.OPEN",
)
def create_egress_firewall_rule(call: Call) -> EgressRule:
    """The rule, which meets no other."""
    network = call[NETWORK]
    if network.kind is not NetworkKind.ISOLATED or network.vpc_id is not None:
        raise bad("Egress firewall rules are for networks of type Isolated outside of VPCs")
    check_served(call, network, "Firewall")
    rule = EgressRule(
        id=str(uuid4()),
        network_id=network.id,
        destinations=read_prefixes(call, DESTINATION_CIDRS, 4),
        **read_packets(call, BASIC_AND_ALL),
    )
    check_same(call, rule)
    call.transaction.put(rule)
    show(call.transaction, rule, call.get(FOR_DISPLAY))
    return rule


@changes(
    "updateEgressFirewallRule",
    EGRESS_RULE,
    "Updates an egress firewall rule",
    required(EGRESS_ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="FIREWALL.EGRESS.UPDATE",
)
def update_egress_firewall_rule(call: Call) -> EgressRule:
    """Shown to users, or not."""
    show(call.transaction, call[EGRESS_ID], call.get(FOR_DISPLAY))
    return call[EGRESS_ID]


@changes(
    "deleteEgressFirewallRule",
    SUCCESS,
    "Deletes an egress firewall rule",
    required(EGRESS_ID),
    mode=Mode.ASYNC,
    event="FIREWALL.EGRESS.CLOSE",
)
def delete_egress_firewall_rule(call: Call) -> None:
    """The rule is not applied any more."""
    call.transaction.delete(call[EGRESS_ID])


@lists(
    "listEgressFirewallRules",
    EGRESS_RULE,
    "Lists egress firewall rules",
    EGRESS_ID,
    NETWORK,
    of_none("ipaddressid", PublicAddress, "rules of the public address"),
    FOR_DISPLAY,
    *SCOPE,
)
def list_egress_firewall_rules(call: Call) -> Iterable[EgressRule]:
    """Rules by owner and network."""
    return chosen(
        one_or(call, EGRESS_ID, lambda: of_networks(call, EgressRule, NETWORK)),
        (call.get(FOR_DISPLAY), lambda rule: is_shown(call.snapshot, rule)),
    )


def of_networks(call: Call, kind: type[R], network: Parameter[Network]) -> Iterator[R]:
    """The rules of a kind of the network that is asked for, or of all in scope."""
    only = call.get(network)
    for each in (only,) if only is not None else owned(call, Network):
        yield from call.snapshot.where(kind, "network_id", each.id)
