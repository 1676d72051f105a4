"""Makes security groups of rows: those that machines are in, those that rules of these name, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.errors import Invalid
from sdn_orch.intent.traffic import Direction
from sdn_orch.northbound.extension import payload
from sdn_orch.northbound.sync import fields, rows
from sdn_orch.northbound.sync.groups import SecurityGroupSaid

#: Characters of a name.
_LONGEST = 255


class SecurityGroups:
    """All that were listed."""

    def __init__(self, found: Iterable[rows.SecurityGroup]) -> None:
        self._by_id = {each.id: each for each in found}
        self._by_name = {(each.domainpath, each.owner_name, each.name): each for each in self._by_id.values()}

    def said(self, ids: Iterable[str]) -> tuple[SecurityGroupSaid, ...]:
        """These groups, and all that they come to by their rules. Raises Invalid for what is not listed."""
        found: dict[str, SecurityGroupSaid] = {}
        waiting = sorted(set(ids))
        while waiting:
            id = waiting.pop()
            if id in found:
                continue
            row = self._by_id.get(id)
            if row is None:
                raise Invalid(f"listVirtualMachines: securitygroup: group {id} is not listed")
            rules = tuple(self._rules(row))
            found[id] = SecurityGroupSaid(id, _name(row), rules)
            waiting += [rule.peer for rule in rules if rule.peer is not None]
        return tuple(found[id] for id in sorted(found))

    def _rules(self, group: rows.SecurityGroup) -> Iterator[fields.SecurityRule]:
        for direction, found in (
            (Direction.INGRESS, group.ingressrule),
            (Direction.EGRESS, group.egressrule),
        ):
            for row in found:
                given = row.packets | {"id": row.id, "direction": direction, "peer": self._peer(group, row)}
                yield payload.read(fields.SecurityRule, given)

    def _peer(self, group: rows.SecurityGroup, rule: rows.SecurityRule) -> str | None:
        """The id of the group that a rule names, of an account in the same domain."""
        if not rule.securitygroupname:
            return None
        account = rule.account or group.owner_name
        found = self._by_name.get((group.domainpath, account, rule.securitygroupname))
        if found is None:
            raise Invalid(f"listSecurityGroups: securitygroupname of rule {rule.id}: there is no such group")
        return found.id


def _name(group: rows.SecurityGroup) -> str:
    """All groups have one owner here, and there is a `default` of everybody's."""
    name = f"{group.owner}/{group.name}"
    return name if len(name) <= _LONGEST else group.id
