"""Load balancers at a gateway: real servers behind one address, and clients who count who answers them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.answers import get
from topologies.balancing import Balanced, balanced_cloud, ended
from topologies.demo.outside import DATAGRAMS, FAR, NEAR
from topologies.leaf_spine import INTERNET

pytestmark = pytest.mark.mininet

POOL = [f"web{number}" for number in range(1, 7)]


@pytest.fixture(scope="module")
def balanced() -> Iterator[Balanced]:
    with balanced_cloud(len(POOL), hosts=2, gateways=2) as made:
        yield made


def state(balanced: Balanced, rule: str) -> str:
    """CloudStack's word for how far a rule has come."""
    found: str = balanced.tenant.call.listLoadBalancerRules(id=rule)["loadbalancerrule"][0]["state"]
    return found


def test_new_connections_are_spread_and_nobody_else_gets_any(balanced: Balanced) -> None:
    members = POOL[:4]
    with balanced.rule(80, members) as rule:
        assert state(balanced, rule) == "Active"
        answered = balanced.asked("fresh", 80, 2000)
        assert set(answered) == set(members)
        assert max(answered.values()) <= 1.15 * 2000 / len(members), answered
        # Members see who asks.
        seen = get(balanced.node(INTERNET), balanced.address["ipaddress"], 80)
        assert json.loads(seen)["from"] == NEAR


def test_weights_share_out_connections(balanced: Balanced) -> None:
    members = POOL[:3]
    with balanced.rule(80, members) as rule:
        balanced.weigh(rule, {"web1": 1, "web2": 2, "web3": 4})
        answered = balanced.asked("fresh", 80, 3500)
        for name, share in (("web1", 500), ("web2", 1000), ("web3", 2000)):
            assert abs(answered[name] - share) <= 0.15 * share, answered
        balanced.weigh(rule, {"web2": 0})
        assert set(balanced.asked("fresh", 80, 200)) == {"web1", "web3"}


def test_udp_is_spread_too(balanced: Balanced) -> None:
    with balanced.rule(53, POOL, protocol="udp", privateport=DATAGRAMS):
        answered = balanced.asked("datagrams", 53, 1200)
        assert set(answered) == set(POOL)
        assert max(answered.values()) <= 1.35 * 1200 / len(POOL), answered


def test_by_source_a_client_always_comes_to_the_same(balanced: Balanced) -> None:
    with balanced.rule(80, POOL, algorithm="source"):
        internet, address, chosen = balanced.node(INTERNET), balanced.address["ipaddress"], {}
        for source in [NEAR, FAR, *(f"192.0.2.{host}" for host in range(100, 120))]:
            internet.cmd(f"ip address add {source}/32 dev lo")
            seen = [json.loads(get(internet, address, 80, "--interface", source)) for _ in range(5)]
            assert {each["from"] for each in seen} == {source}
            (chosen[source],) = {each["name"] for each in seen}
        assert len(set(chosen.values())) >= len(POOL) - 2, chosen


def test_clients_are_remembered_while_the_pool_changes_until_they_stay_away(balanced: Balanced) -> None:
    internet, address, call = balanced.node(INTERNET), balanced.address["ipaddress"], balanced.tenant.call
    early, late = ([f"192.0.2.{host}" for host in range(*hosts)] for hosts in ((130, 142), (142, 144)))
    for source in (*early, *late):
        internet.cmd(f"ip address add {source}/32 dev lo")

    def asked(sources: list[str]) -> dict[str, str]:
        return {each: json.loads(get(internet, address, 80, "--interface", each))["name"] for each in sources}

    def remembered() -> set[str]:
        rows = balanced.cloud.controller.ask(f"/v1/switches/{balanced.cloud.home(address)}/flows")["flows"]
        learnt = [row["match"] for row in rows if row["state"] == "learnt"]
        return {source for source in (*early, *late) if any(source in match for match in learnt)}

    def remember(rule: str, **parameters: str) -> str:
        policy = balanced.remember(rule, "SourceBased", parameters)
        balanced.cloud.wait_objects()
        return policy

    with balanced.rule(80, POOL[:2]) as rule:
        policy = remember(rule, expire="10m", tablesize="11")
        asked(early)
        early = sorted(remembered())
        assert len(early) == 11, "and one more was not"
        before = asked(early)
        balanced.assign(rule, *POOL[2:])
        assert asked(early) == before
        # What a switch learnt is nothing to repair, nor does a restart forget it.
        balanced.cloud.crash()
        assert asked(early) == before
        # Who is drained gets nobody new, not even those that it had.
        balanced.remove(rule, "web1")
        after = asked(early)
        assert "web1" not in after.values()
        assert {each: name for each, name in after.items() if before[each] != "web1"} == {
            each: name for each, name in before.items() if name != "web1"
        }
        call.deleteLBStickinessPolicy(id=policy)
        balanced.cloud.wait_objects()
        remember(rule, expire="8s")
        asked(late)
        assert remembered() == {*early, *late}
        balanced.cloud.controller.wait(lambda: not remembered() & set(late), "clients to be forgotten", 60)
        assert remembered() == set(early), "they were to be remembered longer"


def test_only_the_sources_named_may_connect(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:1], cidrlist=f"{FAR}/32"):
        internet, address = balanced.node(INTERNET), balanced.address["ipaddress"]
        assert json.loads(get(internet, address, 80, "--interface", FAR))["name"] == POOL[0]
        assert get(internet, address, 80) == ""


def test_without_a_firewall_rule_nobody_comes_in(balanced: Balanced) -> None:
    with balanced.rule(80, POOL, openfirewall=False):
        assert get(balanced.node(INTERNET), balanced.address["ipaddress"], 80) == ""


def test_a_member_reaches_its_own_balancer(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:2]):
        answered = balanced.asked("fresh", 80, 100, node=POOL[0])
        assert set(answered) == set(POOL[:2]), "itself too"
    with balanced.rule(80, POOL[:1]):
        assert set(balanced.asked("fresh", 80, 10, node=POOL[0])) == {POOL[0]}


def test_counters_tell_what_each_member_had(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:3]) as rule:
        controller = balanced.cloud.controller

        def wait(count: int) -> None:
            # Switches tell within a second what their caches have counted.
            controller.wait(
                lambda: _counters(balanced, rule)["connections"] >= count, "all to be counted", 30
            )

        answered = balanced.asked("fresh", 80, 120)
        wait(120)
        balanced.remove(rule, "web3")
        balanced.weigh(rule, {"web1": 2})
        answered += balanced.asked("fresh", 80, 60)
        wait(180)
        had = {row["machine"]: row for row in _counters(balanced, rule)["members"]}
        assert {name: row["connections"] for name, row in had.items()} == {
            name: answered[name] for name in POOL[:3]
        }
        for row in had.values():
            # A request, an answer that is longer than it, and what begins and ends the connection.
            assert row["packets_in"] >= 4 * row["connections"] and row["since"]
            assert min(row["bytes_in"], row["bytes_out"]) > 250 * row["connections"]
        shown = controller.command("balancers", "lb80").stdout
        assert all(str(answered[name]) in shown for name in had), shown
        told = f'machine="web1",address="{had["web1"]["address"]}"}} {answered["web1"]}\n'
        assert told in controller.metrics()


def _counters(balanced: Balanced, rule: str) -> Any:
    return balanced.cloud.controller.ask(f"/v1/balancers/{rule}/counters")


def _told_open(balanced: Balanced, machine: str) -> int:
    lines = balanced.cloud.controller.metrics().splitlines()
    (told,) = [line for line in lines if line.startswith("sdn_orch_balancer_open_") and machine in line]
    return int(told.rpartition(" ")[2])


def test_leastconn_gives_less_to_who_has_many_open(balanced: Balanced) -> None:
    controller, members = balanced.cloud.controller, POOL[:3]

    def opened(rule: str) -> dict[str, int]:
        return {row["machine"]: row["open"] for row in _counters(balanced, rule)["members"]}

    def share(name: str) -> float:
        return balanced.asked("fresh", 80, 200)[name] / 200

    with balanced.rule(80, ["web3"], algorithm="leastconn") as rule:
        steady = balanced.clients("steady", 80, 24)
        balanced.assign(rule, "web1", "web2")
        controller.wait(lambda: share("web3") < 0.15, "who has many open to get less", 90)
        # However many came and went meanwhile, each was counted once.
        controller.wait(lambda: opened(rule) == {"web1": 0, "web2": 0, "web3": 24}, "all to be counted", 30)
        assert "open" in controller.command("balancers", "lb80").stdout
        # Open vSwitch tells of beginnings and of ends at different times: for a moment it may be more again.
        controller.wait(lambda: _told_open(balanced, "web3") == 24, "monitoring to read the same", 30)
        answered, broken = ended(steady)
        assert not broken and answered == {"web3": 24}, broken
        controller.wait(lambda: opened(rule) == dict.fromkeys(members, 0), "all to have ended", 30)
        controller.wait(lambda: share("web3") > 0.25, "it to get its part again", 90)


def test_what_is_established_stays_through_every_change(balanced: Balanced) -> None:
    members = POOL[:4]
    with balanced.rule(80, members) as rule:
        steady = balanced.clients("steady", 80, 60)
        coming = balanced.clients("endless", 80, 4)
        balanced.remove(rule, "web2")
        # It is drained: nobody new comes to it, and who is there stays.
        assert set(balanced.asked("fresh", 80, 200)) == {"web1", "web3", "web4"}
        balanced.assign(rule, "web5", "web6")
        balanced.weigh(rule, {"web1": 3})
        assert set(balanced.asked("fresh", 80, 300)) == {"web1", "web3", "web4", "web5", "web6"}
        balanced.assign(rule, "web2")
        assert "web2" in balanced.asked("fresh", 80, 200)
        balanced.tenant.call.updateLoadBalancerRule(id=rule, algorithm="leastconn", name="renamed")
        balanced.cloud.crash()
        balanced.asked("fresh", 80, 200)
        answered, broken = ended(coming)
        assert not broken and answered.total() > 100
        answered, broken = ended(steady)
        assert not broken, broken
        assert answered.total() == 60 and set(answered) == set(members)


def test_what_is_drained_ends_when_its_time_is_over(balanced: Balanced) -> None:
    controller = balanced.cloud.controller

    def had(rule: str, name: str) -> Any:
        """What a machine had that is drained, None once it is not."""
        rows = controller.ask(f"/v1/balancers/{rule}/counters")["members"]
        return next((row for row in rows if row["machine"] == name and row["until"]), None)

    with balanced.rule(80, POOL[:3]) as rule:
        controller.put(f"/v1/balancers/{rule}", {"drain": 8})
        steady = balanced.clients("steady", 80, 24)
        balanced.remove(rule, "web2")
        balanced.weigh(rule, {"web3": 0})
        assert set(balanced.asked("fresh", 80, 60)) == {"web1"}
        for name in ("web2", "web3"):
            before = had(rule, name)["packets_in"]
            controller.wait(lambda: had(rule, name)["packets_in"] > before, "it to go on")  # noqa: B023
        # One comes back in time, with its connections.
        balanced.weigh(rule, {"web3": 1})
        controller.wait(lambda: had(rule, "web2") is None, "the end of the connections", 30)
        balanced.cloud.wait_objects()
        assert set(balanced.asked("fresh", 80, 60)) == {"web1", "web3"}
        answered, broken = ended(steady)
        assert answered.total() == 24 and set(answered) == set(POOL[:3])
        assert len(broken) == answered["web2"] and all("web2" in each for each in broken), broken


def test_the_next_gateway_balances_as_the_first_did(balanced: Balanced) -> None:
    """It knows nothing of the first one, and finds the same members for connections, those that stand too."""
    cloud, members = balanced.cloud, POOL[:4]
    with balanced.rule(80, members):
        address = balanced.address["ipaddress"]
        # Sixteen ports share a slot; one that was used is not free for a while.
        steady = balanced.clients("steady", 80, 40)
        found = [balanced.by_port(80, range(20_000, 20_640, 16))]

        def look() -> None:
            cloud.wait_objects()
            found.append(balanced.by_port(80, range(20_000 + len(found), 20_640, 16)))
            assert set(balanced.asked("fresh", 80, 200)) == set(members)

        with cloud.cut_off(cloud.home(address), address):
            look()
        look()
        answered, broken = ended(steady)
        assert not broken and answered.total() == 40, broken
    assert found[0] == found[1] == found[2] and set(found[0]) == set(members)


def test_a_machine_that_stops_gets_nothing_new(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:3]):
        call, vm = balanced.tenant.call, balanced.vms["web2"]
        call.stopVirtualMachine(id=vm)
        balanced.cloud.wait_objects()
        try:
            assert set(balanced.asked("fresh", 80, 150)) == {"web1", "web3"}
        finally:
            call.startVirtualMachine(id=vm)
            balanced.cloud.wait_realised([balanced.machines["web2"].nic_id])
        balanced.cloud.wait_objects()
        assert set(balanced.asked("fresh", 80, 150)) == set(POOL[:3])


def test_a_trace_knows_that_any_member_is_right_and_who_asks_may_be_one(balanced: Balanced) -> None:
    for members in (POOL[1:4], POOL[:1]):
        said = _traced(balanced, members)
        assert "delivered" in said and "but the intent" not in said, said


def _traced(balanced: Balanced, members: list[str]) -> str:
    with balanced.rule(80, members):
        address = balanced.address["ipaddress"]
        said: str = balanced.cloud.controller.command(
            "trace", "--from", POOL[0], "--to", address, "--tcp", "80"
        ).stdout
        return said


def test_cookies_are_refused_where_no_proxy_runs_and_said_to_be(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:2]) as rule:
        made = balanced.tenant.call.createLBStickinessPolicy(lbruleid=rule, methodname="LbCookie", name="c")
        balanced.cloud.wait_objects()
        assert state(balanced, rule) == "Add"
        found = balanced.cloud.controller.ask(f"/v1/balancers/{rule}")
        assert "its proxy runs nowhere" in found["refusals"][0]["reason"]
        policy = made["stickinesspolicies"]["stickinesspolicy"][0]["id"]
        balanced.tenant.call.deleteLBStickinessPolicy(id=policy)
        balanced.cloud.wait_objects()
        assert state(balanced, rule) == "Active"
        assert set(balanced.asked("fresh", 80, 50)) == set(POOL[:2])
