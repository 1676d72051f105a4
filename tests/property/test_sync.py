"""Whatever CloudStack lists, and listed before: the same is here, and it is found to be the same."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given

from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.balancers import Balancer, HealthCheck, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Domain, Machine, Network, NetworkKind, Nic, Record, Role, Vpc
from sdn_orch.intent.proxies import needs_proxy, proxy_of
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.northbound import machines, networks, pool, tenants
from sdn_orch.northbound.security import DEFAULT
from sdn_orch.northbound.service import Service
from sdn_orch.northbound.sync.rows import Rows
from sdn_orch.northbound.sync.sync import Scope, Sync
from sdn_orch.store.memory import MemoryStore
from tests.property.synced import Listed, clouds

_KINDS: tuple[type[Record], ...] = (
    Vpc, Network, Nic, Machine, PublicAddress, Forward, FirewallRule, EgressRule, AclItem, Balancer,
    Stickiness, HealthCheck, RoutedRule, SecurityGroup, SecurityRule, PrivateGateway, StaticRoute,
)  # fmt: skip
_MANY = Scope(most_deleted=1000)


def _empty() -> Service:
    """A daemon that has nobody yet."""
    service = Service(MemoryStore())
    service.write(lambda transaction: transaction.put(Domain(id="root", name="ROOT", path="/")))
    return service


def _synced(*states: Rows) -> tuple[Sync, Service, Listed]:
    """After CloudStack was as each of these, one after the other."""
    here, source = _empty(), Listed(states[0])
    sync = Sync(here, source, _MANY)
    for state in states:
        source.found = state
        outcome = sync.compare()
        assert (outcome.faults, outcome.held) == ([], None)
        _check_proxies(here)
    return sync, here, source


def _check_proxies(here: Service) -> None:
    """Those that need one have one, at an address that is its own."""
    snapshot = here.snapshot
    for balancer in snapshot.all(Balancer):
        proxy = proxy_of(snapshot, balancer)
        assert (proxy is not None) == needs_proxy(snapshot, balancer)
        assert proxy is None or pool.is_taken(snapshot, proxy.network_id, int(proxy.ipv4 or 0))


def _records(here: Service) -> set[object]:
    """Everything, without what nobody said: numbers, seats of members, and which addresses proxies have."""
    snapshot = here.snapshot
    proxies = [nic for nic in snapshot.all(Nic) if nic.balancer_id is not None]
    found: set[object] = {
        replace(record, number=0)
        for kind in _KINDS
        for record in snapshot.all(kind)
        if not (isinstance(record, SecurityGroup) and record.name == DEFAULT) and record not in proxies
    }
    found |= {(nic.balancer_id, nic.network_id) for nic in proxies}
    found |= {
        (each.id, here.vault.unseal(each.id, "user_data", each.user_data))
        for each in snapshot.all(MachineData)
        if each.user_data
    }
    found |= {(each.balancer_id, each.nic_id, each.guest) for each in snapshot.all(Member)}
    return found | {
        (each.pool_id, value)
        for each in snapshot.all(pool.PoolBlock)
        for value in pool.taken(snapshot, each.pool_id)
        if (each.pool_id, value) not in {(nic.network_id, int(nic.ipv4 or 0)) for nic in proxies}
    }


@given(clouds())
def test_what_was_brought_is_found_to_be_the_same(state: Rows) -> None:
    sync, here, _ = _synced(state)
    revision = here.snapshot.revision
    assert sync.compare().changes == []
    assert here.snapshot.revision == revision


@given(clouds(), clouds())
def test_what_was_before_leaves_nothing(before: Rows, after: Rows) -> None:
    _, changed, _ = _synced(before, after)
    _, fresh, _ = _synced(after)
    assert _records(changed) == _records(fresh)


@given(clouds(), clouds())
def test_group_by_group_is_the_same_as_all(before: Rows, after: Rows) -> None:
    sync, parts, source = _synced(before)
    source.found = after
    ids = sorted({each.id for rows in (before, after) for each in (*rows.vpcs, *rows.networks)})
    # What one group takes of another's, as an address, the other gives with its turn.
    for _ in range(2):
        outcome = sync.refresh(ids)
    assert outcome.faults == []
    _, whole, _ = _synced(before, after)
    assert _records(parts) == _records(whole)


@given(clouds(), clouds())
def test_a_plan_says_what_is_done_and_does_nothing(before: Rows, after: Rows) -> None:
    sync, here, source = _synced(before)
    source.found = after
    untouched = here.snapshot
    planned = sync.compare(plan=True)
    assert here.snapshot is untouched
    assert bool(planned.changes) == bool(sync.compare().changes)


@given(clouds(), clouds())
def test_what_others_have_stays(before: Rows, after: Rows) -> None:
    here = _empty()
    red = here.write(lambda transaction: tenants.create_account(transaction, "red", _root(here), Role.USER))
    own = Network(
        id="own", account_id=red.id, name="own", kind=NetworkKind.ISOLATED, vlan=500,
        ipv4=IPv4Network("10.1.1.0/24"), gateway4=IPv4Address("10.1.1.1"),
    )  # fmt: skip
    machine = Machine(id="vm", account_id=red.id, name="vm")
    here.write(lambda transaction: networks.create_network(transaction, own))
    here.write(
        lambda transaction: machines.create_machine(
            transaction, machine, [machines.Wish(network=here.snapshot.need(Network, "own"))]
        )
    )
    kept = _records(here)
    source = Listed(before)
    sync = Sync(here, source, _MANY)
    for state in (before, after):
        source.found = state
        assert sync.compare().faults == []
        assert kept <= _records(here)


def _root(service: Service) -> Domain:
    return tenants.root(service.snapshot)
