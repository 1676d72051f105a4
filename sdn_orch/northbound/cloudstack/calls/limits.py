"""listResourceLimits, updateResourceLimit, updateResourceCount."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.northbound.cloudstack.answers.resources import RESOURCE_COUNT, RESOURCE_LIMIT, Held
from sdn_orch.northbound.cloudstack.declare import ADMINS, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.filters import all_have
from sdn_orch.northbound.cloudstack.limits import RESOURCE_TYPES, UNLIMITED, Holder, limit, limit_id
from sdn_orch.northbound.cloudstack.model_tenancy import ResourceLimit
from sdn_orch.northbound.cloudstack.parameters import integer, required, text
from sdn_orch.northbound.cloudstack.scope import ACCOUNT, DOMAIN, IN_PROJECT, named_account

TYPE = integer(
    "resourcetype",
    "0 machines, 1 public addresses, 2 volumes, 3 snapshots, 4 templates, 5 projects, 6 networks, 7 VPCs,"
    " 8 CPUs, 9 MB of memory, 10 primary and 11 secondary storage",
    0,
    len(RESOURCE_TYPES) - 1,
)
TYPE_NAME = text("resourcetypename", "the name of the type: user_vm, network, vpc…")
MAX = integer("max", "how much there may be; -1, any number, by default", UNLIMITED)


@lists(
    "listResourceLimits",
    RESOURCE_LIMIT,
    "Lists what an account, a project or a domain may have",
    TYPE,
    TYPE_NAME,
    all_have(integer("id", "the number of a limit; none has one"), None),
    all_have(text("tag", "limits of what has this tag; there are none"), None),
    ACCOUNT,
    DOMAIN,
    IN_PROJECT,
)
def list_resource_limits(call: Call) -> Iterable[Held]:
    """The limits in force, set for it or by default; of the caller's account if none is named."""
    return _held(call)


@changes(
    "updateResourceLimit",
    RESOURCE_LIMIT,
    "Limits what an account, a project or a domain may have",
    required(TYPE),
    MAX,
    ACCOUNT,
    DOMAIN,
    IN_PROJECT,
    roles=ADMINS,
    event="RESOURCE.LIMIT.UPDATE",
)
def update_resource_limit(call: Call) -> Held:
    """The limit; what there is already may be more."""
    holder, type = _holder(call), RESOURCE_TYPES[call[TYPE]]
    most = call.get(MAX)
    most = UNLIMITED if most is None else most
    if isinstance(holder, Domain):
        _check_domain(call, holder, most)
    elif holder.role is Role.ROOT_ADMIN and most != UNLIMITED:
        raise bad(f"Only {UNLIMITED} limit is supported for Root Admin accounts")
    elif holder.id == call.caller.account.id and not call.caller.is_root_admin:
        raise denied(f"Unable to update resource limit for account {holder.name}, permission denied")
    new = ResourceLimit(
        id=limit_id(holder, type),
        subject_kind="Domain" if isinstance(holder, Domain) else "Account",
        subject_id=holder.id,
        type=type.number,
        maximum=most,
    )
    old = call.snapshot.get(ResourceLimit, new.id)
    call.transaction.put(replace(old, maximum=most) if old else new)
    return Held(holder, type)


def _check_domain(call: Call, domain: Domain, most: int) -> None:
    """Raises a fault where not even the root may, the own domain's administrator, or beyond the parent's."""
    type = RESOURCE_TYPES[call[TYPE]]
    if domain.parent_id is None:
        raise bad(f"Cannot update {type.name} limit for ROOT domain {domain.id}.")
    if domain.id == call.caller.account.domain_id and not call.caller.is_root_admin:
        raise denied(f"Unable to update resource limit for domain {domain.name}, permission denied")
    parent = call.snapshot.need(Domain, domain.parent_id)
    above = limit(call.snapshot, parent, type)
    if above != UNLIMITED and (most == UNLIMITED or most > above):
        raise bad(
            f"Domain {parent.name} has maximum allowed resource limit {above} for {type.name}, please specify"
            f" a value less than or equal to {above}"
        )


@lists(
    "updateResourceCount",
    RESOURCE_COUNT,
    "Counts what an account, a project or a domain has",
    required(DOMAIN),
    TYPE,
    ACCOUNT,
    IN_PROJECT,
    roles=ADMINS,
)
def update_resource_count(call: Call) -> Iterable[Held]:
    """Nothing to do: counts are never kept, but always taken."""
    return _held(call)


def _held(call: Call) -> Iterable[Held]:
    holder, wanted, name = _holder(call), call.get(TYPE), call.get(TYPE_NAME)
    return [
        Held(holder, type)
        for type in RESOURCE_TYPES
        if wanted in (None, type.number) and name in (None, type.name)
    ]


def _holder(call: Call) -> Holder:
    """The project, account or domain that is named; the caller's account if none is."""
    name, domain, project = call.get(ACCOUNT), call.get(DOMAIN), call.get(IN_PROJECT)
    if project is not None:
        if name is not None:
            raise bad("Account and projectId can't be specified together")
        return call.snapshot.need(Account, project.account_id)
    if name is not None:
        return named_account(call, name, domain)
    return domain or call.caller.account
