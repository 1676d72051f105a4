"""Balancers ask their members whether they live, and those that do not get no connections meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from topologies.balancing import Balanced, balanced_cloud, ended
from topologies.demo.outside import DATAGRAMS

pytestmark = pytest.mark.mininet

POOL = ["web1", "web2", "web3"]
#: A dead member is found out after two checks, two seconds apart, which may take two seconds each.
PATIENCE = 15.0


@pytest.fixture(scope="module")
def balanced() -> Iterator[Balanced]:
    with balanced_cloud(len(POOL), hosts=2, gateways=1) as made:
        yield made


@contextmanager
def checked(balanced: Balanced, rule: str, **how: str) -> Iterator[None]:
    call = balanced.tenant.call
    id = call.createLBHealthCheckPolicy(
        lbruleid=rule, intervaltime=2, responsetimeout=2, healthythreshold=2, unhealthythreshold=2, **how
    )["healthcheckpolicies"]["healthcheckpolicy"][0]["id"]
    try:
        yield
    finally:
        call.deleteLBHealthCheckPolicy(id=id)


@contextmanager
def suffering(balanced: Balanced, name: str, command: str, remedy: str) -> Iterator[None]:
    """A machine does not serve as it should."""
    node = balanced.node(name)
    assert node.cmd(command) == ""
    try:
        yield
    finally:
        node.cmd(remedy)


def states(balanced: Balanced, rule: str) -> dict[str, str | None]:
    """How the members do."""
    listed = balanced.tenant.call.listLoadBalancerRuleInstances(id=rule)["loadbalancerruleinstance"]
    return {each["name"]: each.get("servicestate") for each in listed}


def wait_for(balanced: Balanced, rule: str, **wanted: str) -> None:
    expected = dict.fromkeys(POOL, "Up") | wanted
    balanced.cloud.controller.wait(
        lambda: states(balanced, rule) == expected, f"members to be {wanted or 'up'}", PATIENCE
    )
    balanced.cloud.controller.wait(balanced.cloud.in_sync, "the switches to be in sync")


@pytest.mark.parametrize(
    ("how", "fate"),
    [
        pytest.param({}, "DROP", id="nobody answers"),
        pytest.param({}, "REJECT --reject-with tcp-reset", id="nobody listens"),
        pytest.param({"pingpath": "/"}, "DROP", id="by HTTP"),
    ],
)
def test_who_does_not_serve_gets_no_connections_until_it_does(
    balanced: Balanced, how: dict[str, str], fate: str
) -> None:
    with balanced.rule(80, POOL) as rule:
        assert states(balanced, rule) == dict.fromkeys(POOL)
        with checked(balanced, rule, **how):
            wait_for(balanced, rule)
            tail = f"INPUT -p tcp --dport 8080 -j {fate}"
            with suffering(balanced, "web2", f"iptables -I {tail}", f"iptables -D {tail}"):
                wait_for(balanced, rule, web2="Down")
                assert set(balanced.asked("fresh", 80, 200)) == {"web1", "web3"}
            wait_for(balanced, rule)
            assert set(balanced.asked("fresh", 80, 200)) == set(POOL)


def test_a_server_that_says_no_is_dead_and_where_all_are_all_are_tried(balanced: Balanced) -> None:
    with balanced.rule(80, POOL) as rule, checked(balanced, rule, pingpath="/missing"):
        expected = dict.fromkeys(POOL, "Down")
        balanced.cloud.controller.wait(
            lambda: states(balanced, rule) == expected, "all members to be down", PATIENCE
        )
        balanced.cloud.controller.wait(balanced.cloud.in_sync, "the switches to be in sync")
        assert set(balanced.asked("fresh", 80, 200)) == set(POOL)
        # One that fails closed gives nobody connections; those that stand go on.
        steady = balanced.clients("steady", 80, 6)
        balanced.cloud.controller.put(f"/v1/balancers/{rule}", {"fails_open": False})
        balanced.cloud.wait_objects()
        answered, broken = ended(balanced.clients("fresh", 80, 5))
        assert not answered and len(broken) == 5
        balanced.cloud.controller.put(f"/v1/balancers/{rule}", {})
        balanced.cloud.wait_objects()
        assert set(balanced.asked("fresh", 80, 60)) == set(POOL)
        answered, broken = ended(steady)
        assert answered.total() == 6 and not broken


def test_members_that_serve_datagrams_are_pinged(balanced: Balanced) -> None:
    deaf = "sysctl -q -w net.ipv4.icmp_echo_ignore_all="
    with balanced.rule(53, POOL, protocol="udp", privateport=DATAGRAMS) as rule, checked(balanced, rule):
        wait_for(balanced, rule)
        with suffering(balanced, "web3", f"{deaf}1", f"{deaf}0"):
            wait_for(balanced, rule, web3="Down")
            assert set(balanced.asked("datagrams", 53, 300)) == {"web1", "web2"}
        wait_for(balanced, rule)


def test_what_was_found_out_outlives_the_controller(balanced: Balanced) -> None:
    tail = "INPUT -p tcp --dport 8080 -j DROP"
    with balanced.rule(80, POOL) as rule, checked(balanced, rule):
        wait_for(balanced, rule)
        with suffering(balanced, "web1", f"iptables -I {tail}", f"iptables -D {tail}"):
            wait_for(balanced, rule, web1="Down")
            balanced.cloud.crash()
            assert states(balanced, rule) == dict.fromkeys(POOL, "Up") | {"web1": "Down"}
            assert set(balanced.asked("fresh", 80, 100)) == {"web2", "web3"}
        wait_for(balanced, rule)
