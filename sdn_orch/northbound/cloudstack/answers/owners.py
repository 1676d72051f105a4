"""The fields that tell whose an object is and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sdn_orch.intent.model import Account, Domain
from sdn_orch.northbound.cloudstack.model import Zone
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, string

R = TypeVar("R")


def domain_path(domain: Domain) -> str:
    """A domain's path as CloudStack writes it: `ROOT`, `ROOT/sales`."""
    return "ROOT" + (domain.path if domain.path != "/" else "")


def owner(account_of: Callable[[R], str]) -> tuple[Field[R], ...]:
    """account, domainid, domain and domainpath."""

    def account(scene: Scene, record: R) -> Account:
        return scene.snapshot.need(Account, account_of(record))

    def domain(scene: Scene, record: R) -> Domain:
        return scene.snapshot.need(Domain, account(scene, record).domain_id)

    return (
        string("account", "the account that owns it", lambda scene, record: account(scene, record).name),
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
