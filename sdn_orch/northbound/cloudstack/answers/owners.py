"""The fields that tell whose an object is and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.northbound.cloudstack.callers import project_of
from sdn_orch.northbound.cloudstack.model import Zone
from sdn_orch.northbound.cloudstack.model_tenancy import Project
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, of, string

R = TypeVar("R")


def domain_path(domain: Domain) -> str:
    """A domain's path as CloudStack writes it: `ROOT`, `ROOT/sales`."""
    return "ROOT" + (domain.path if domain.path != "/" else "")


def owner(account_of: Callable[[R], str | None]) -> tuple[Field[R], ...]:
    """account or, of what a project owns, projectid and project; domainid, domain and domainpath.

    Nothing of these where nobody owns it.
    """

    def account(scene: Scene, record: R) -> Account | None:
        id = account_of(record)
        return scene.snapshot.need(Account, id) if id else None

    return holder(account)


def holder(holder_of: Callable[[Scene, R], Account | Domain | None]) -> tuple[Field[R], ...]:
    """The same of what belongs to an account or to a whole domain."""
    return of(
        holder_of,
        string("account", "the account that owns it", _account_name),
        string("projectid", "the project that owns it", _project_id),
        string("project", "the name of the project that owns it", _project_name),
        string("domainid", "the domain id of the owner", lambda scene, found: _domain(scene, found).id),
        string("domain", "the domain of the owner", lambda scene, found: _domain(scene, found).name),
        string("domainpath", "the owner's path", lambda scene, found: domain_path(_domain(scene, found))),
    )


def _domain(scene: Scene, holder: Account | Domain) -> Domain:
    return holder if isinstance(holder, Domain) else scene.snapshot.need(Domain, holder.domain_id)


def _account_name(_scene: Scene, holder: Account | Domain) -> str | None:
    return None if isinstance(holder, Domain) or holder.role is Role.PROJECT else holder.name


def _project(scene: Scene, holder: Account | Domain) -> Project | None:
    is_project = isinstance(holder, Account) and holder.role is Role.PROJECT
    return project_of(scene.snapshot, holder.id) if is_project else None


def _project_id(scene: Scene, holder: Account | Domain) -> str | None:
    project = _project(scene, holder)
    return project.id if project else None


def _project_name(scene: Scene, holder: Account | Domain) -> str | None:
    project = _project(scene, holder)
    return project.name if project else None


def place(zone_of: Callable[[Scene, R], str]) -> tuple[Field[R], ...]:
    """zoneid and zonename."""
    return of(
        lambda scene, record: scene.snapshot.need(Zone, zone_of(scene, record)),
        string("zoneid", "the zone id", lambda _, zone: zone.id),
        string("zonename", "the zone name", lambda _, zone: zone.name),
    )
