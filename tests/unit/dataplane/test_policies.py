"""Rules of lists and of security groups in one table of one switch: none is taken for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.lookup import ALWAYS, Tables
from sdn_orch.dataplane.pipeline import POLICY, Table
from sdn_orch.dataplane.stages.guard import policy_number
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.model import Nic, Record
from sdn_orch.intent.policy import policy_of
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import TCP, Direction, Verdict
from sdn_orch.openflow.values import OPENFLOW_15
from tests.golden.worlds import edges, pair
from tests.unit.dataplane.worlds import network, tenant, vpc

FEW = tuple(IPv4Network(f"198.51.100.{host}/32") for host in (4, 8, 16))


def test_conjunctions_of_lists_and_of_groups_with_equal_numbers_stay_apart() -> None:
    tier = replace(network("web", 1, vpc_id="shop"), acl_id="list")
    records = [
        *tenant(),
        *edges(1),
        vpc("shop"),
        AclList(id="list", name="list", vpc_id="shop"),
        AclItem(
            id="not", number=7, list_id="list", position=1, direction=Direction.INGRESS,
            verdict=Verdict.DENY, protocol=6, ports=(79, 90), sources=FEW,
        ),
        SecurityGroup(id="group", account_id="tenant", name="group"),
        SecurityRule(
            id="may", number=7, group_id="group", direction=Direction.INGRESS,
            protocol=6, ports=(79, 90), sources=FEW,
        ),
        *pair(tier, ("edge1", 1)),
        *(
            replace(record, group_ids=("group",)) if isinstance(record, Nic) else record
            for record in pair(network("home"), ("edge1", 2))
        ),
    ]  # fmt: skip
    snapshot = Snapshot.of(*records)
    tables = Tables(compile_switch(World.of(snapshot), "edge1").state, OPENFLOW_15)
    packet = dict.fromkeys(ALWAYS, 0) | {"eth_type": 0x800, "ip_proto": 6, "tcp_dst": 80}
    packet |= {"ipv4_src": int(IPv4Address("198.51.100.8")), "ipv4_dst": int(IPv4Address("10.2.0.10"))}
    passes = {}
    for nic in snapshot.all(Nic):
        policy = policy_of(snapshot, nic)
        assert policy is not None
        found = tables.match(Table.TO_RULES, packet | {POLICY: policy_number(policy)})
        passes[policy.id] = found is not None and tables.decode(found).goto == Table.DELIVER
    assert passes == {"list": False, "group": True}


def under_a_list(rules: int, machines: int) -> Iterator[Record]:
    """A tier of machines on one switch under a list of items, each about prefixes and a range of ports."""
    yield AclList(id="list", name="list", vpc_id="shop")
    for position in range(1, rules + 1):
        few = tuple(IPv4Network(f"198.18.{position}.{host}/32") for host in (4, 8, 16))
        yield AclItem(
            id=f"item{position}", list_id="list", position=position, direction=Direction.INGRESS,
            protocol=TCP, ports=(79, 90), sources=few,
        )  # fmt: skip
    yield vpc("shop")
    yield from pair(replace(network("web", vpc_id="shop"), acl_id="list"), *places(machines))


def under_a_group(rules: int, machines: int) -> Iterator[Record]:
    """Machines on one switch in a group, which is open to another group, of as many, by rules about ports."""
    for id in ("web", "db"):
        yield SecurityGroup(id=id, account_id="tenant", name=id)
    for number in range(rules):
        ports = (100 * number + 79, 100 * number + 90)
        yield SecurityRule(
            id=f"rule{number}", group_id="web", direction=Direction.INGRESS, protocol=TCP, ports=ports,
            peer_id="db",
        )  # fmt: skip
    for id, found in (("web", pair(network("home"), *places(machines))), ("db", others(machines))):
        for each in found:
            yield replace(each, group_ids=(id,)) if isinstance(each, Nic) else each


def others(machines: int) -> list[Record]:
    """As many machines of the same network at another switch."""
    found = pair(network("home"), *(("edge2", port) for port in range(1, 2 * machines + 1)))
    return found[1 + 2 * machines :]


def places(machines: int) -> list[tuple[str, int]]:
    return [("edge1", port) for port in range(1, machines + 1)]


@pytest.mark.parametrize("under", [under_a_list, under_a_group])
def test_flows_grow_with_rules_and_with_machines_and_not_with_their_product(
    under: Callable[[int, int], Iterator[Record]],
) -> None:
    def flows(rules: int, machines: int) -> int:
        snapshot = Snapshot.of(*tenant(), *edges(2), *under(rules, machines))
        return len(compile_switch(World.of(snapshot), "edge1").state.flows)

    few, more_rules, more_machines = flows(10, 10), flows(40, 10), flows(10, 40)
    assert few < more_rules and few < more_machines
    assert flows(40, 40) - more_rules == more_machines - few
