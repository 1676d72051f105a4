"""What answers about rules have in common: state, protocol, ports and prefixes as CloudStack writes them."""

from __future__ import annotations

from typing import Any

from sdn_orch.intent import routed
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.balancers import Balancer, Stickiness
from sdn_orch.intent.balancing import obstacle
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Switch
from sdn_orch.intent.proxies import is_served
from sdn_orch.intent.routing import StaticRoute
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.traffic import AH, ESP, GRE, ICMP, ICMPV6, TCP, UDP, Prefix, TrafficRule
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.display import for_display, is_by_number
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, number, string

_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmp"}
_NAMES_OF_GROUPS = _NAMES | {AH: "ah", ESP: "esp", GRE: "gre"}


#: Rules that edges hold, and those that gateways do.
_AT_EDGES = (AclItem, SecurityRule)
_AT_GATEWAYS = (Forward, FirewallRule, EgressRule, RoutedRule, Balancer, StaticRoute)


def rule_state(scene: Scene, rule: object) -> str:
    """CloudStack's word for a rule that switches hold, or for one that is accepted and not in force.

    It is not where the data plane has no table for it, or where there is no gateway to hold it.
    """
    if isinstance(rule, Stickiness):
        rule = scene.snapshot.need(Balancer, rule.balancer_id)
    if isinstance(rule, Balancer) and (obstacle(scene.snapshot, rule) or not is_served(scene.snapshot, rule)):
        return "Add"
    if isinstance(rule, Balancer) and rule.inner is not None:
        return "Active"
    if isinstance(rule, StaticRoute) and rule.gateway_id is None:
        return "Active"
    if isinstance(rule, RoutedRule) and routed.obstacle(scene.snapshot, rule) is not None:
        return "Add"
    if isinstance(rule, _AT_GATEWAYS) and scene.snapshot.count_where(Switch, "is_gateway", True):
        return "Active"
    return "Active" if isinstance(rule, _AT_EDGES) else "Add"


def protocol(scene: Scene, rule: TrafficRule) -> str:
    """The protocol's name, its number if it has none or was said so, or `all`."""
    return _name(scene, rule, _NAMES)


def protocol_of_groups(scene: Scene, rule: TrafficRule) -> str:
    """The same in rules of security groups, where more protocols have names."""
    return _name(scene, rule, _NAMES_OF_GROUPS)


def _name(scene: Scene, rule: TrafficRule, names: dict[int, str]) -> str:
    if rule.protocol is None:
        return "all"
    name = names.get(rule.protocol)
    return str(rule.protocol) if name is None or is_by_number(scene.snapshot, rule) else name


def joined(prefixes: tuple[Prefix, ...], version: int) -> str:
    """Prefixes joined by commas; none is every address."""
    return ",".join(map(str, prefixes)) or ("0.0.0.0/0" if version == 4 else "::/0")


def icmp(value: int | None, rule: TrafficRule) -> int | None:
    """An ICMP type or code, -1 for any; nothing for other protocols."""
    if rule.protocol not in (ICMP, ICMPV6):
        return None
    return -1 if value is None else value


PACKET_FIELDS: tuple[Field[Any], ...] = (
    string("id", "the id of the rule", lambda _, rule: rule.id),
    string("protocol", "the protocol", protocol),
    number("icmptype", "the ICMP type", lambda _, rule: icmp(rule.icmp_type, rule)),
    number("icmpcode", "the ICMP code", lambda _, rule: icmp(rule.icmp_code, rule)),
    string("state", "Add until the switches hold it", rule_state),
    for_display(),
    tags(),
)
