"""Firewall rules of addresses and networks, and lists of rules of VPCs."""

from __future__ import annotations

from typing import Any

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.firewall import EgressRule, FirewallRule, OpenRule, RoutedRule
from sdn_orch.intent.model import Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound.cloudstack.answers.rules import PACKET_FIELDS, joined
from sdn_orch.northbound.cloudstack.display import for_display
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, Shape, number, string


def _ports(index: int, rule: OpenRule) -> int | None:
    return rule.ports[index] if rule.ports else None


def _open_fields(version: int = 4) -> tuple[Field[Any], ...]:
    return (
        *PACKET_FIELDS,
        number("startport", "the first port", lambda _, rule: _ports(0, rule)),
        number("endport", "the last port", lambda _, rule: _ports(1, rule)),
        string("cidrlist", "where packets come from", lambda _, rule: joined(rule.sources, version)),
    )


def _address(scene: Scene, rule: FirewallRule) -> PublicAddress:
    return scene.snapshot.need(PublicAddress, rule.address_id)


FIREWALL_RULE: Shape[FirewallRule] = Shape(
    key="firewallrule",
    resource="FirewallRule",
    kind=FirewallRule,
    keywords=("ipaddress", "protocol"),
    fields=(
        *_open_fields(),
        string("ipaddressid", "the id of the public address", lambda _, rule: rule.address_id),
        string("ipaddress", "the public address", lambda s, rule: _address(s, rule).address),
        string("networkid", "the network", lambda s, rule: _address(s, rule).network_id),
        string("traffictype", "Ingress", lambda _s, _rule: "Ingress"),
    ),
)

EGRESS_RULE: Shape[EgressRule] = Shape(
    key="firewallrule",
    resource="FirewallRule",
    kind=EgressRule,
    keywords=("protocol",),
    fields=(
        *_open_fields(),
        string("destcidrlist", "where packets go", lambda _, rule: joined(rule.destinations, 4)),
        string("networkid", "the network", lambda _, rule: rule.network_id),
        string("traffictype", "Egress", lambda _s, _rule: "Egress"),
    ),
)


def _routed(version: int) -> Shape[RoutedRule]:
    return Shape(
        key="firewallrule",
        resource="FirewallRule",
        kind=RoutedRule,
        keywords=("protocol",),
        fields=(
            *_open_fields(version),
            string("destcidrlist", "where packets go", lambda _, rule: joined(rule.destinations, version)),
            string("networkid", "the network", lambda _, rule: rule.network_id),
            string("traffictype", "Ingress or Egress", lambda _, rule: rule.direction.capitalize()),
        ),
    )


ROUTED_RULE, IPV6_RULE = _routed(4), _routed(6)


def _vpc_name(scene: Scene, acl: AclList) -> str | None:
    return scene.snapshot.need(Vpc, acl.vpc_id).name if acl.vpc_id else None


ACL_LIST: Shape[AclList] = Shape(
    key="networkacllist",
    resource="NetworkACLList",
    kind=AclList,
    fields=(
        string("id", "the id of the list", lambda _, acl: acl.id),
        string("name", "the name of the list", lambda _, acl: acl.name),
        string("description", "what it is for", lambda _, acl: acl.description),
        string("vpcid", "the VPC that it belongs to", lambda _, acl: acl.vpc_id),
        string("vpcname", "the name of the VPC", _vpc_name),
        for_display(),
    ),
)


def _text_port(index: int, item: AclItem) -> str | None:
    return str(item.ports[index]) if item.ports else None


ACL_ITEM: Shape[AclItem] = Shape(
    key="networkacl",
    resource="NetworkACL",
    kind=AclItem,
    keywords=("protocol", "reason"),
    fields=(
        *PACKET_FIELDS,
        string("startport", "the first port", lambda _, item: _text_port(0, item)),
        string("endport", "the last port", lambda _, item: _text_port(1, item)),
        string("cidrlist", "the other side", lambda _, item: joined(item.sources or item.destinations, 4)),
        number("number", "its place in the list", lambda _, item: item.position),
        string("action", "Allow or Deny", lambda _, item: item.verdict.capitalize()),
        string("traffictype", "Ingress or Egress", lambda _, item: item.direction.capitalize()),
        string("reason", "why it is there", lambda _, item: item.reason or None),
        string("aclid", "the id of the list", lambda _, item: item.list_id),
        string("aclname", "its name", lambda s, item: s.snapshot.need(AclList, item.list_id).name),
    ),
)
