"""createDomain, listDomains, listDomainChildren, updateDomain, deleteDomain."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from sdn_orch.errors import InUse
from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import tenants
from sdn_orch.northbound.cloudstack.answers.accounts import DOMAIN as SHAPE
from sdn_orch.northbound.cloudstack.callers import project_of
from sdn_orch.northbound.cloudstack.calls.accounts import drop_account
from sdn_orch.northbound.cloudstack.calls.common import NAME, NETWORK_DOMAIN, new_id
from sdn_orch.northbound.cloudstack.calls.projects import drop_project
from sdn_orch.northbound.cloudstack.declare import ADMINS, ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.model import DomainDetails
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, integer, required, uuid_of_choice
from sdn_orch.northbound.cloudstack.scope import IS_RECURSIVE, LIST_ALL, chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.service import Transaction

ID = entity("id", Domain, "the id of the domain")
PARENT = entity("parentdomainid", Domain, "the id of the parent; the root by default")
PARENT_ID = entity("id", Domain, "the id of the domain above; the caller's by default")
CLEANUP = boolean("cleanup", "true: with all accounts and domains in it")
LEVEL = integer("level", "domains so deep in the tree; the root is 0")

NEW_ID = uuid_of_choice("domainid", "the id that the domain shall have")


@lists("listDomains", SHAPE, "Lists domains", ID, NAME, LEVEL, LIST_ALL, roles=ADMINS)
def list_domains(call: Call) -> Iterable[Domain]:
    """The caller's domain; with `listall`, and for root administrators, also those below it."""
    snapshot = call.snapshot
    own = snapshot.need(Domain, call.caller.account.domain_id)

    def seen() -> Iterable[Domain]:
        if call.get(LIST_ALL) or call.caller.is_root_admin:
            return (each for each in snapshot.all(Domain) if tenants.lies_in(snapshot, each.id, own))
        return (own,)

    return chosen(
        one_or(call, ID, seen),
        (call.get(NAME), lambda domain: domain.name),
        (call.get(LEVEL), lambda domain: len([part for part in domain.path.split("/") if part])),
    )


@changes(
    "createDomain",
    SHAPE,
    "Creates a domain",
    required(NAME),
    PARENT,
    NETWORK_DOMAIN,
    NEW_ID,
    roles=ROOT,
    event="DOMAIN.CREATE",
)
def create_domain(call: Call) -> Domain:
    """A domain with a name of its own below its parent."""
    parent = call.get(PARENT) or tenants.root(call.snapshot)
    _check_name(call, call[NAME], parent)
    domain = tenants.create_domain(call.transaction, call[NAME], parent, id=new_id(call, NEW_ID))
    call.transaction.put(
        DomainDetails(id=domain.id, created=call.now, network_domain=call.get(NETWORK_DOMAIN) or "")
    )
    return domain


def _check_name(call: Call, name: str, parent: Domain) -> None:
    if "/" in name:
        raise bad("Domain name can't contain '/'")
    if any(other.name == name for other in call.snapshot.where(Domain, "parent_id", parent.id)):
        raise bad(f"Domain with name {name} already exists for the parent id={parent.id}")


@lists(
    "listDomainChildren",
    SHAPE,
    "Lists the domains below one",
    PARENT_ID,
    NAME,
    IS_RECURSIVE,
    LIST_ALL,
    roles=ADMINS,
)
def list_domain_children(call: Call) -> Iterable[Domain]:
    """The domains right below it; with `isrecursive`, or `listall` and no id, all that are below it."""
    parent, own = call.get(PARENT_ID), call.snapshot.need(Domain, call.caller.account.domain_id)
    is_deep = call.get(IS_RECURSIVE) or (parent is None and call.get(LIST_ALL))
    found = _below(call.snapshot, parent or own) if is_deep else _children(call.snapshot, parent or own)
    return chosen(found, (call.get(NAME), lambda domain: domain.name))


@changes(
    "updateDomain",
    SHAPE,
    "Updates a domain",
    required(ID),
    NAME,
    NETWORK_DOMAIN,
    roles=ADMINS,
    event="DOMAIN.UPDATE",
)
def update_domain(call: Call) -> Domain:
    """Another name, which is part of the paths of all domains below, or another network domain."""
    domain, name = call[ID], call.get(NAME)
    details = call.snapshot.need(DomainDetails, domain.id)
    call.transaction.put(
        dataclasses.replace(details, network_domain=call.get(NETWORK_DOMAIN) or details.network_domain)
    )
    if name is None or name == domain.name:
        return domain
    if domain.parent_id is None:
        raise bad("ROOT domain can not be edited with a new name")
    parent = call.snapshot.need(Domain, domain.parent_id)
    _check_name(call, name, parent)
    new = dataclasses.replace(domain, name=name, path=f"{parent.path.rstrip('/')}/{name}")
    for below in list(_below(call.snapshot, domain)):
        call.transaction.put(dataclasses.replace(below, path=new.path + below.path.removeprefix(domain.path)))
    return call.transaction.put(new)


@changes(
    "deleteDomain",
    SUCCESS,
    "Deletes a domain",
    required(ID),
    CLEANUP,
    roles=ADMINS,
    mode=Mode.ASYNC,
    event="DOMAIN.DELETE",
)
def delete_domain(call: Call) -> None:
    """An empty domain, or, with `cleanup`, one with all accounts and domains in it."""
    domain = call[ID]
    if domain.parent_id is None:
        raise denied("Can't delete ROOT domain")
    if domain.id == call.caller.account.domain_id:
        raise denied(f"Can't delete domain {domain.name}: it is the caller's own")
    if not call.get(CLEANUP):
        accounts = call.snapshot.count_where(Account, "domain_id", domain.id)
        children = call.snapshot.count_where(Domain, "parent_id", domain.id)
        if accounts or children:
            raise InUse(f"domain {domain.name} ({domain.id}) has {accounts} accounts and {children} domains")
    for each in (*reversed(list(_below(call.snapshot, domain))), domain):
        _drop(call.transaction, each)


def _drop(transaction: Transaction, domain: Domain) -> None:
    accounts = transaction.snapshot.where(Account, "domain_id", domain.id)
    for account in accounts:
        if (project := project_of(transaction.snapshot, account.id)) is not None:
            drop_project(transaction, project)
    for account in accounts:
        if account.role is not Role.PROJECT:
            drop_account(transaction, account)
    transaction.delete(transaction.snapshot.need(DomainDetails, domain.id), domain)


def _children(snapshot: Snapshot, domain: Domain) -> tuple[Domain, ...]:
    return snapshot.where(Domain, "parent_id", domain.id)


def _below(snapshot: Snapshot, domain: Domain) -> Iterator[Domain]:
    """Every domain below, parents before their children."""
    for child in _children(snapshot, domain):
        yield child
        yield from _below(snapshot, child)
