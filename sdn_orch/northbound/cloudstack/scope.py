"""Which owned objects a list shows, and for whom a call creates: account, domainid, listall, projectid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import cache
from typing import TypeVar

from sdn_orch.intent.model import Account, Domain, Record, Role
from sdn_orch.northbound.cloudstack.callers import may_act_for, owner_id
from sdn_orch.northbound.cloudstack.declare import Call
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.model import AccountDetails
from sdn_orch.northbound.cloudstack.model_tenancy import Project, ProjectState
from sdn_orch.northbound.cloudstack.parameters import (
    Parameter,
    Request,
    boolean,
    entity,
    text,
)
from sdn_orch.northbound.tenants import lies_in

R = TypeVar("R", bound=Record)

ACCOUNT = text("account", "the account of the resource; needs domainid unless it is in the caller's domain")
DOMAIN = entity("domainid", Domain, "the domain of the resource")
LIST_ALL = boolean("listall", "true: everything that the caller may see, not only his own")
IS_RECURSIVE = boolean("isrecursive", "with domainid: also what is in the domains below")


class All(Enum):
    """What -1 stands for."""

    PROJECTS = "-1"


IN_PROJECT = entity("projectid", Project, "the project that it is to belong to")


def _read_project(request: Request) -> Project | All | None:
    return All.PROJECTS if request.given.get("projectid") == "-1" else IN_PROJECT.read(request)


PROJECT: Parameter[Project | All] = Parameter(
    name="projectid",
    type_name="uuid",
    description="what this project owns; -1: what any project owns, with listall besides all else",
    read=_read_project,
    kind=Project,
)

SCOPE = (ACCOUNT, DOMAIN, LIST_ALL, IS_RECURSIVE, PROJECT)
OWNER = (ACCOUNT, DOMAIN, IN_PROJECT)


def new_owner(call: Call) -> Account:
    """The account that a new object is to belong to; raises faults if the caller may not act for it."""
    name, domain, project = call.get(ACCOUNT), call.get(DOMAIN), call.get(IN_PROJECT)
    if project is not None:
        if name is not None:
            raise bad("Account and projectId can't be specified together")
        if project.state is not ProjectState.ACTIVE:
            raise denied(
                f"Can't add resources to the project id={project.id} in state={project.state}"
                " as it's no longer active"
            )
        return call.snapshot.need(Account, project.account_id)
    if name is None:
        if domain is not None and domain.id != call.caller.account.domain_id:
            raise bad("Account must be specified with domainid")
        return call.caller.account
    return named_account(call, name, domain)


def named_account(call: Call, name: str, domain: Domain | None) -> Account:
    """The account with this name in the domain, by default the caller's; raises faults."""
    snapshot = call.snapshot
    domain_id = domain.id if domain else call.caller.account.domain_id
    found = [
        each
        for each in snapshot.where(Account, "name", name)
        if each.domain_id == domain_id and snapshot.get(AccountDetails, each.id) is not None
    ]
    if not found or not may_act_for(snapshot, call.caller, found[0].id):
        if call.caller.account.role is Role.USER:
            raise denied(f"Account {call.caller.account.name} may not act for account {name}")
        raise bad(f"Unable to find account {name} in domain {domain_id}")
    return found[0]


def check_owner(call: Call, account_id: str) -> None:
    """Raises a fault if the call names an account, a domain or a project that the object is not of."""
    name, domain, project = call.get(ACCOUNT), call.get(DOMAIN), call.get(IN_PROJECT)
    if name is not None and project is not None:
        raise bad("Account and projectId can't be specified together")
    named = project.account_id if project is not None else account_id
    if name is not None:
        named = named_account(call, name, domain).id
    owner = call.snapshot.need(Account, account_id)
    if named != owner.id or (domain is not None and owner.domain_id != domain.id):
        raise bad(
            f"It belongs to account {owner.name} in domain {owner.domain_id}, not to the one that is named"
        )


def owned(call: Call, kind: type[R]) -> Iterable[R]:
    """The records of a kind with `account_id` that the caller may see, by account, domain and listall."""
    account = only_account(call)
    if account is not None:
        return call.snapshot.where(kind, "account_id", account.id)
    return visible(call, call.snapshot.all(kind))


def visible(call: Call, records: Iterable[R]) -> Iterator[R]:
    """Those of the records that belong to accounts which the list shows."""
    shows = _shown_accounts(call)
    return (record for record in records if shows(owner_id(call.snapshot, record) or ""))


def only_account(call: Call) -> Account | None:
    """The one account that a list is confined to, or None if it shows several."""
    name, domain, project = call.get(ACCOUNT), call.get(DOMAIN), call.get(PROJECT)
    if name is not None and project is not None:
        raise bad("Account and projectId can't be specified together")
    if isinstance(project, Project):
        return call.snapshot.need(Account, project.account_id)
    if project is All.PROJECTS:
        return None
    if name is not None:
        return named_account(call, name, domain)
    if call.caller.account.role is Role.USER:
        return call.caller.account
    return None if domain is not None or call.get(LIST_ALL) else call.caller.account


def _shown_accounts(call: Call) -> Callable[[str], bool]:
    """Whether the list shows what an account owns; judged once an account.

    What projects own is only shown where `projectid` asks for it, and then alone, except with listall.
    """
    snapshot, domain, only = call.snapshot, call.get(DOMAIN), only_account(call)
    asks_for_projects = call.get(PROJECT) is All.PROJECTS
    asks_for_others = not asks_for_projects or call.get(LIST_ALL)
    if only is not None:
        return lambda account_id: account_id == only.id

    @cache
    def shown(account_id: str) -> bool:
        if not may_act_for(snapshot, call.caller, account_id):
            return False
        account = snapshot.get(Account, account_id)
        if snapshot.get(AccountDetails, account_id) is None:
            return False  # another door's
        if not (asks_for_projects if account and account.role is Role.PROJECT else asks_for_others):
            return False
        if domain is None:
            return True
        if account is None:
            return False
        if call.get(IS_RECURSIVE):
            return lies_in(snapshot, account.domain_id, domain)
        return account.domain_id == domain.id

    return shown


def one_or(call: Call, id: Parameter[R], others: Callable[[], Iterable[R]]) -> Iterable[R]:
    """The object that `id` names, whoever of those that the caller may see owns it, else the others."""
    record = call.get(id)
    return others() if record is None else (record,)


def chosen(records: Iterable[R], *conditions: tuple[object, Callable[[R], object]]) -> Iterator[R]:
    """The records whose value equals what was asked for, wherever something was asked for."""
    asked = [(wanted, read) for wanted, read in conditions if wanted is not None]
    for record in records:
        if all(read(record) == wanted for wanted, read in asked):
            yield record
