"""createDomain, listDomains."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.intent.model import Domain
from sdn_orch.northbound import tenants
from sdn_orch.northbound.cloudstack.answers.accounts import DOMAIN as SHAPE
from sdn_orch.northbound.cloudstack.calls.common import NAME, NETWORK_DOMAIN
from sdn_orch.northbound.cloudstack.declare import ADMINS, ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import DomainDetails
from sdn_orch.northbound.cloudstack.parameters import entity, integer, required
from sdn_orch.northbound.cloudstack.scope import LIST_ALL, chosen, one_or

ID = entity("id", Domain, "the id of the domain")
PARENT = entity("parentdomainid", Domain, "the id of the parent; the root by default")
LEVEL = integer("level", "domains so deep in the tree; the root is 0")


@lists("listDomains", SHAPE, "Lists domains", ID, NAME, LEVEL, LIST_ALL, roles=ADMINS)
def list_domains(call: Call) -> Iterable[Domain]:
    """The domains that the caller may see."""
    snapshot = call.snapshot
    own = snapshot.need(Domain, call.caller.account.domain_id)
    return chosen(
        one_or(call, ID, lambda: (d for d in snapshot.all(Domain) if tenants.lies_in(snapshot, d.id, own))),
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
    roles=ROOT,
    event="DOMAIN.CREATE",
)
def create_domain(call: Call) -> Domain:
    """A domain with a name of its own below its parent."""
    parent = call.get(PARENT) or tenants.root(call.snapshot)
    if "/" in call[NAME]:
        raise bad("Domain name can't contain '/'")
    if any(other.name == call[NAME] for other in call.snapshot.where(Domain, "parent_id", parent.id)):
        raise bad(f"Domain with name {call[NAME]} already exists for the parent id={parent.id}")
    domain = tenants.create_domain(call.transaction, call[NAME], parent)
    call.transaction.put(
        DomainDetails(id=domain.id, created=call.now, network_domain=call.get(NETWORK_DOMAIN) or "")
    )
    return domain
