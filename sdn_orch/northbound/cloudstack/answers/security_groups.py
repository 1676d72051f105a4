"""Security groups and their rules."""

from __future__ import annotations

from typing import Any

from sdn_orch.intent.model import Account, Machine, Nic
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction
from sdn_orch.northbound.cloudstack.answers.owners import owner
from sdn_orch.northbound.cloudstack.answers.rules import icmp, joined, protocol_of_groups
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, Shape, items, number, string


def _peer(scene: Scene, rule: SecurityRule) -> SecurityGroup | None:
    return scene.snapshot.need(SecurityGroup, rule.peer_id) if rule.peer_id else None


def _cidr(_scene: Scene, rule: SecurityRule) -> str | None:
    return None if rule.peer_id else joined(rule.sources or rule.destinations, 4)


RULE_FIELDS: tuple[Field[Any], ...] = (
    string("ruleid", "the id of the rule", lambda _, rule: rule.id),
    string("protocol", "the protocol", protocol_of_groups),
    number("startport", "the first port", lambda _, rule: rule.ports[0] if rule.ports else None),
    number("endport", "the last port", lambda _, rule: rule.ports[1] if rule.ports else None),
    number("icmptype", "the ICMP type", lambda _, rule: icmp(rule.icmp_type, rule)),
    number("icmpcode", "the ICMP code", lambda _, rule: icmp(rule.icmp_code, rule)),
    string("cidr", "the addresses of the far side", _cidr),
    string("securitygroupname", "the group of the far side", lambda s, r: (p := _peer(s, r)) and p.name),
    string(
        "account",
        "the account of that group",
        lambda s, rule: (p := _peer(s, rule)) and s.snapshot.need(Account, p.account_id).name,
    ),
    tags(),
)


def rules(scene: Scene, group: SecurityGroup, direction: Direction) -> list[SecurityRule]:
    """The rules of a group about one direction."""
    found = scene.snapshot.where(SecurityRule, "group_id", group.id)
    return [rule for rule in found if rule.direction is direction]


def machine_ids(scene: Scene, group: SecurityGroup) -> list[str]:
    """The machines with a NIC in the group, once each."""
    nics = scene.snapshot.where(Nic, "group_ids", group.id)
    return list(dict.fromkeys(nic.machine_id for nic in nics if nic.machine_id))


def groups_of(snapshot: Snapshot, machine: Machine) -> list[SecurityGroup]:
    """The groups that a machine's NICs are in, once each."""
    nics = snapshot.where(Nic, "machine_id", machine.id)
    ids = dict.fromkeys(id for nic in nics for id in nic.group_ids)
    return [snapshot.need(SecurityGroup, id) for id in ids]


SECURITY_GROUP: Shape[SecurityGroup] = Shape(
    key="securitygroup",
    resource="SecurityGroup",
    kind=SecurityGroup,
    fields=(
        string("id", "the id of the group", lambda _, group: group.id),
        string("name", "the name of the group", lambda _, group: group.name),
        string("description", "what it is for", lambda _, group: group.description),
        *owner(lambda group: group.account_id),
        items("ingressrule", "what may come in", lambda s, g: rules(s, g, Direction.INGRESS), RULE_FIELDS),
        items("egressrule", "what may go out", lambda s, g: rules(s, g, Direction.EGRESS), RULE_FIELDS),
        items("virtualmachineids", "the machines in it", machine_ids),
        number("virtualmachinecount", "how many these are", lambda s, g: len(machine_ids(s, g))),
        tags(),
    ),
)

#: How machines show the groups that they are in.
MEMBERSHIP: tuple[Field[SecurityGroup], ...] = (
    string("id", "the id of the group", lambda _, group: group.id),
    string("name", "the name of the group", lambda _, group: group.name),
    string("description", "what it is for", lambda _, group: group.description),
    string("account", "its account", lambda s, group: s.snapshot.need(Account, group.account_id).name),
)
