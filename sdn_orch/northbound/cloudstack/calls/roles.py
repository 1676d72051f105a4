"""listRoles: there are three, which cannot be changed."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.intent.model import Role
from sdn_orch.northbound.cloudstack.answers.accounts import ROLE, ROLE_IDS, ROLE_NAMES, ROLE_TYPES
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import ADMINS, Call, lists
from sdn_orch.northbound.cloudstack.filters import by
from sdn_orch.northbound.cloudstack.parameters import text

ID = text("id", "the id of the role")
TYPE = text("type", "Admin, DomainAdmin or User")
STATE = by(ROLE, text("state", "enabled or disabled; all are enabled"))


@lists("listRoles", ROLE, "Lists roles", ID, NAME, TYPE, STATE, roles=ADMINS)
def list_roles(call: Call) -> Iterable[Role]:
    """Roles by id, name and type."""
    id, name, kind = call.get(ID), call.get(NAME), call.get(TYPE)
    return [
        role
        for role in ROLE_IDS
        if id in (None, ROLE_IDS[role])
        and name in (None, ROLE_NAMES[role])
        and kind in (None, ROLE_TYPES[role])
    ]
