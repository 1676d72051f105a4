"""authorize and revokeSecurityGroupIngress and …Egress: rules of security groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from sdn_orch.intent.model import Account
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.traffic import Direction
from sdn_orch.northbound import security
from sdn_orch.northbound.cloudstack.answers.security_groups import RULE_FIELDS, SECURITY_GROUP
from sdn_orch.northbound.cloudstack.calls.security_groups import GROUP_NAME, by_name
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes
from sdn_orch.northbound.cloudstack.display import note_protocol
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.packets import OF_GROUPS, PACKETS, PROTOCOL, read_packets
from sdn_orch.northbound.cloudstack.parameters import entity, mapping, required
from sdn_orch.northbound.cloudstack.scope import OWNER, new_owner
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Field, items

ID = entity("id", SecurityRule, "the id of the rule")
GROUP = entity("securitygroupid", SecurityGroup, "the id of the group")
PEERS = mapping("usersecuritygrouplist", "account and group of each group of the far side, instead of CIDRs")

_PARAMETERS = (GROUP, GROUP_NAME, PROTOCOL, *PACKETS, PEERS, *OWNER)

_RULES = ("ingressrule", "egressrule")
#: What is answered besides the rules asked for: clients take the first rule of the answer for theirs, and
#: to show all the others would cost more the more there are.
_WITHOUT_RULES = dataclasses.replace(
    SECURITY_GROUP, fields=tuple(field for field in SECURITY_GROUP.fields if field.name not in _RULES)
)


@changes(
    "authorizeSecurityGroupIngress",
    SECURITY_GROUP,
    "Lets packets in to the machines of a group",
    *_PARAMETERS,
    mode=Mode.ASYNC,
    event="SG.AUTH.INGRESS",
)
def authorize_security_group_ingress(call: Call) -> dict[str, object]:
    """The group with a rule for each CIDR and each group of the far side, and no others."""
    return _authorize(call, Direction.INGRESS)


@changes(
    "authorizeSecurityGroupEgress",
    SECURITY_GROUP,
    "Lets packets out of the machines of a group",
    *_PARAMETERS,
    mode=Mode.ASYNC,
    event="SG.AUTH.EGRESS",
)
def authorize_security_group_egress(call: Call) -> dict[str, object]:
    """The group with a rule for each CIDR and each group of the far side, and no others."""
    return _authorize(call, Direction.EGRESS)


def _authorize(call: Call, direction: Direction) -> dict[str, object]:
    group = _group(call)
    packets = read_packets(call, OF_GROUPS, numbers=True, version=None, otherwise="all")
    prefixes, peers = packets.pop("sources"), list(_peers(call))
    if not prefixes and not peers:
        raise bad("At least one cidr or at least one security group needs to be specified")
    far = "sources" if direction is Direction.INGRESS else "destinations"
    sides: list[dict[str, Any]] = [{far: (prefix,)} for prefix in prefixes]
    sides += [{"peer_id": peer.id} for peer in peers]
    made = [
        security.authorize(
            call.transaction,
            SecurityRule(id=str(uuid4()), group_id=group.id, direction=direction, **packets, **side),
        )
        for side in sides
    ]
    for rule in made:
        note_protocol(call.transaction, rule, call.get(PROTOCOL))
    asked: Field[SecurityGroup] = items(f"{direction}rule", "those asked for", lambda *_: made, RULE_FIELDS)
    shown = _WITHOUT_RULES.render(call.scene, group) | {key: [] for key in _RULES}
    return shown | {asked.name: asked.read(call.scene, group)}


def _group(call: Call) -> SecurityGroup:
    """The group that the rules are for, by its id or its name; raises faults."""
    group, name = call.get(GROUP), call.get(GROUP_NAME)
    if (group is None) == (name is None):
        raise bad("Either securitygroupid or securitygroupname is required, and not both")
    return group or by_name(call, new_owner(call), name or "")


def _peers(call: Call) -> Iterator[SecurityGroup]:
    """The groups of the far side: of whatever account in the domain of the group's, once each."""
    domain_id = call.snapshot.need(Account, _group(call).account_id).domain_id
    found: dict[str, SecurityGroup] = {}
    for entry in call.get(PEERS) or ():
        account_name, name = entry.get("account", ""), entry.get("group", "")
        if not account_name or not name:
            raise bad("Invalid parameter usersecuritygrouplist: every entry needs an account and a group")
        accounts = call.snapshot.where(Account, "name", account_name)
        account = next((each for each in accounts if each.domain_id == domain_id), None)
        if account is None:
            raise bad(f"Unable to find account {account_name[:255]} in domain {domain_id}")
        peer = by_name(call, account, name)
        found[peer.id] = peer
    yield from found.values()


@changes(
    "revokeSecurityGroupIngress",
    SUCCESS,
    "Deletes a rule about what comes in to a group",
    required(ID),
    mode=Mode.ASYNC,
    event="SG.REVOKE.INGRESS",
)
def revoke_security_group_ingress(call: Call) -> None:
    """Such packets come in no more."""
    _revoke(call, Direction.INGRESS)


@changes(
    "revokeSecurityGroupEgress",
    SUCCESS,
    "Deletes a rule about what goes out of a group",
    required(ID),
    mode=Mode.ASYNC,
    event="SG.REVOKE.EGRESS",
)
def revoke_security_group_egress(call: Call) -> None:
    """Such packets go out no more, unless it was the last rule about what goes out."""
    _revoke(call, Direction.EGRESS)


def _revoke(call: Call, direction: Direction) -> None:
    if call[ID].direction is not direction:
        raise bad(f"Unable to find security rule with id {call[ID].id} for {direction}")
    call.transaction.delete(call[ID])
