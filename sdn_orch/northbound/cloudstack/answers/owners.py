"""The fields that tell whose an object is and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.northbound.cloudstack.callers import project_of
from sdn_orch.northbound.cloudstack.model import Zone
from sdn_orch.northbound.cloudstack.model_tenancy import Project
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, string

R = TypeVar("R")


def domain_path(domain: Domain) -> str:
    """A domain's path as CloudStack writes it: `ROOT`, `ROOT/sales`."""
    return "ROOT" + (domain.path if domain.path != "/" else "")


def owner(account_of: Callable[[R], str]) -> tuple[Field[R], ...]:
    """account or, of what a project owns, projectid and project; domainid, domain and domainpath."""
    return holder(lambda scene, record: scene.snapshot.need(Account, account_of(record)))


def holder(holder_of: Callable[[Scene, R], Account | Domain]) -> tuple[Field[R], ...]:
    """The same of what belongs to an account or to a whole domain."""

    def domain(scene: Scene, record: R) -> Domain:
        found = holder_of(scene, record)
        return found if isinstance(found, Domain) else scene.snapshot.need(Domain, found.domain_id)

    def account_name(scene: Scene, record: R) -> str | None:
        found = holder_of(scene, record)
        return None if isinstance(found, Domain) or found.role is Role.PROJECT else found.name

    def project(scene: Scene, record: R) -> Project | None:
        found = holder_of(scene, record)
        is_project = isinstance(found, Account) and found.role is Role.PROJECT
        return project_of(scene.snapshot, found.id) if is_project else None

    def project_id(scene: Scene, record: R) -> str | None:
        found = project(scene, record)
        return found.id if found else None

    def project_name(scene: Scene, record: R) -> str | None:
        found = project(scene, record)
        return found.name if found else None

    return (
        string("account", "the account that owns it", account_name),
        string("projectid", "the project that owns it", project_id),
        string("project", "the name of the project that owns it", project_name),
        string("domainid", "the domain id of the owner", lambda scene, record: domain(scene, record).id),
        string("domain", "the domain of the owner", lambda scene, record: domain(scene, record).name),
        string("domainpath", "the owner's path", lambda scene, record: domain_path(domain(scene, record))),
    )


def place(zone_of: Callable[[Scene, R], str]) -> tuple[Field[R], ...]:
    """zoneid and zonename."""
    return (
        string("zoneid", "the zone id", zone_of),
        string(
            "zonename",
            "the zone name",
            lambda scene, record: scene.snapshot.need(Zone, zone_of(scene, record)).name,
        ),
    )
