"""Firewall rules and lists of rules of tiers: every command says all that there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, TypeVar

from sdn_orch.errors import Invalid
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.model import Network, Record
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.traffic import ICMP, ICMPV6, Direction, Prefix, Verdict
from sdn_orch.northbound.cloudstack.packets import NUMBERS
from sdn_orch.northbound.extension import addresses
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.extension.payload import (
    AclRuleFields,
    FirewallRuleFields,
    FirewallRules,
    Packets,
)

R = TypeVar("R", bound=Record)


def apply_firewall(cloud: Cloud, network: Network, said: FirewallRules) -> None:
    """The network has these rules and no others."""
    if network.egress_open != said.default_egress_allow:
        network = cloud.put(replace(network, egress_open=said.default_egress_allow))
    ingress = [_firewall_rule(cloud, rule) for rule in said.rules if rule.type == "ingress"]
    egress = [_egress_rule(cloud, network, rule) for rule in said.rules if rule.type == "egress"]
    if len(ingress) + len(egress) < len(said.rules):
        raise Invalid("payload: fw_rules: a rule is of type ingress or egress")
    own = cloud.snapshot.where(PublicAddress, "network_id", network.id)
    before = [rule for each in own for rule in cloud.snapshot.where(FirewallRule, "address_id", each.id)]
    bring_to(cloud, before, ingress)
    bring_to(cloud, cloud.snapshot.where(EgressRule, "network_id", network.id), egress)


def apply_acl(cloud: Cloud, tier: Network, said: list[AclRuleFields]) -> None:
    """The tier has these items and no others, in a list of its own."""
    if tier.acl_id is None:
        raise Invalid(f"payload: vpc_id: network {tier.name} ({tier.id}) is no tier of a VPC")
    apply_items(cloud, tier.acl_id, said)


def apply_items(cloud: Cloud, list_id: str, said: Iterable[AclRuleFields]) -> None:
    """The list has these items and no others."""
    ordered = sorted(said, key=lambda item: item.number)
    wanted = [_item(cloud, list_id, position, item) for position, item in enumerate(ordered, 1)]
    bring_to(cloud, cloud.snapshot.where(AclItem, "list_id", list_id), wanted)


def bring_to(cloud: Cloud, before: Iterable[R], wanted: Iterable[R]) -> None:
    """Change what differs, by ids."""
    old, new = {each.id: each for each in before}, {each.id: each for each in wanted}
    cloud.transaction.delete(*(each for id, each in old.items() if id not in new))
    for id, each in new.items():
        each = replace(each, number=old[id].number if id in old else 0)
        if each != old.get(id):
            cloud.transaction.put(each)


def _firewall_rule(cloud: Cloud, said: FirewallRuleFields) -> FirewallRule:
    address = addresses.find(cloud, said.public_ip) if said.public_ip else None
    if address is None:
        raise Invalid(f"payload: fw_rules: publicIp of rule {said.id}: no network has {said.public_ip}")
    return FirewallRule(
        id=cloud.id("firewall-rule", said.id),
        address_id=address.id,
        sources=prefixes(said.source_cidrs),
        **packets(said, is_ipv6=False),
    )


def _egress_rule(cloud: Cloud, network: Network, said: FirewallRuleFields) -> EgressRule:
    return EgressRule(
        id=cloud.id("firewall-rule", said.id),
        network_id=network.id,
        sources=prefixes(said.source_cidrs),
        destinations=prefixes(said.destination_cidrs),
        **packets(said, is_ipv6=False),
    )


def _item(cloud: Cloud, list_id: str, position: int, said: AclRuleFields) -> AclItem:
    """Numbers order items; positions here are without gaps, so that any number will do."""
    try:
        direction, verdict = Direction(said.direction), Verdict(said.action)
    except ValueError as error:
        raise Invalid(f"payload: acl_rules: item {said.number}: {error}") from None
    far_side = prefixes(said.source_cidrs)
    comes_in = direction is Direction.INGRESS
    return AclItem(
        id=cloud.made_id("acl-item", f"{list_id}/{position}"),
        list_id=list_id,
        position=position,
        direction=direction,
        verdict=verdict,
        sources=far_side if comes_in else (),
        destinations=() if comes_in else far_side,
        **packets(said, is_ipv6=any(prefix.version == 6 for prefix in far_side)),
    )


def packets(said: Packets, *, is_ipv6: bool) -> dict[str, Any]:
    """The fields of a TrafficRule that say which packets it is about. Raises Invalid."""
    first, last = said.port_start, said.port_end
    return {
        "protocol": _protocol(said.protocol, is_ipv6),
        "ports": None if first is None else (first, first if last is None else last),
        "icmp_type": _given(said.icmp_type),
        "icmp_code": _given(said.icmp_code),
    }


def _protocol(said: str, is_ipv6: bool) -> int | None:
    if said == "all":
        return None
    number = NUMBERS.get(said)
    if number is None and said.isascii() and said.isdigit() and int(said) <= 255:
        number = int(said)
    if number is None:
        raise Invalid("payload: protocol: it is neither a protocol's name nor its number")
    return ICMPV6 if number == ICMP and is_ipv6 else number


def prefixes(said: Iterable[IPv4Interface | IPv6Interface]) -> tuple[Prefix, ...]:
    """As prefixes; none where everything of both versions is meant."""
    found = tuple(dict.fromkeys(each.network for each in said))
    both = {prefix.version for prefix in found} == {4, 6}
    return () if both and not any(prefix.prefixlen for prefix in found) else found


def _given(value: int | None) -> int | None:
    return None if value is None or value < 0 else value
