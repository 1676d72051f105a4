"""nginx and DNS behind a balancer, with hundreds of clients while all kinds of things happen to it.

For each of them it is counted how many connections break: none, unless their own server has died.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.answers import get
from tests.e2e.servers import DNS, HTTP, NAME, dnsmasq, nginx
from topologies.balancing import Balanced, balanced_cloud, ended
from topologies.leaf_spine import INTERNET

pytestmark = pytest.mark.mininet

POOL = [f"web{number}" for number in range(1, 7)]
#: Addresses outside, each of a client of its own.
CLIENTS = [f"198.51.100.{host}" for host in range(1, 251)]
#: Connections that stand while something happens, and those that are made at a time meanwhile.
STANDING, COMING = 300, 4


@pytest.fixture(scope="module")
def balanced() -> Iterator[Balanced]:
    with balanced_cloud(len(POOL), hosts=2, gateways=2) as made, ExitStack() as stack:
        for name in POOL:
            stack.enter_context(dnsmasq(made, name))
        for client in CLIENTS:
            made.node(INTERNET).cmd(f"ip address add {client}/32 dev lo")
        yield made


@pytest.fixture(scope="module")
def servers(balanced: Balanced) -> Iterator[dict[str, ExitStack]]:
    """By machine, what ends its nginx."""
    running = {name: ExitStack() for name in POOL}
    with ExitStack() as stack:
        for name, server in running.items():
            stack.enter_context(server).enter_context(nginx(balanced, name))
        yield running


def come(balanced: Balanced, rule: str) -> None:
    balanced.assign(rule, "web5", "web6")


def be_drained(balanced: Balanced, rule: str) -> None:
    balanced.remove(rule, "web2")
    assert "web2" not in balanced.asked("fresh", 80, 200, sources=CLIENTS)


def be_weighed(balanced: Balanced, rule: str) -> None:
    balanced.weigh(rule, {"web1": 5, "web3": 0})


def be_edited(balanced: Balanced, rule: str) -> None:
    for algorithm in ("leastconn", "source", "roundrobin"):
        balanced.tenant.call.updateLoadBalancerRule(id=rule, algorithm=algorithm, name=algorithm)
        balanced.cloud.wait_objects()


def lose_the_controller(balanced: Balanced, _rule: str) -> None:
    balanced.cloud.controller.kill()
    balanced.asked("fresh", 80, 200, sources=CLIENTS)
    balanced.cloud.controller.start()
    balanced.cloud.controller.wait(balanced.cloud.in_sync, "the switches to be in sync again", 30)


def lose_the_gateway(balanced: Balanced, _rule: str) -> None:
    address = balanced.address["ipaddress"]
    with balanced.cloud.cut_off(balanced.cloud.home(address), address):
        balanced.cloud.wait_objects()
        balanced.asked("fresh", 80, 200, sources=CLIENTS)
    balanced.cloud.wait_objects()


@pytest.mark.parametrize(
    "happen", [come, be_drained, be_weighed, be_edited, lose_the_controller, lose_the_gateway]
)
@pytest.mark.usefixtures("servers")
def test_no_connection_breaks(balanced: Balanced, happen: Callable[[Balanced, str], None]) -> None:
    members = POOL[:4]
    with balanced.rule(80, members, privateport=HTTP) as rule:
        standing = balanced.clients("steady", 80, STANDING, sources=CLIENTS)
        coming = balanced.clients("endless", 80, COMING, sources=CLIENTS)
        happen(balanced, rule)
        balanced.asked("fresh", 80, 100, sources=CLIENTS)
        answered, broken = ended(coming)
        assert not broken and answered.total() > 100
        answered, broken = ended(standing)
        assert not broken and answered.total() == STANDING and set(answered) == set(members)


@pytest.mark.usefixtures("servers")
def test_hundreds_of_clients_are_spread_evenly(balanced: Balanced) -> None:
    with balanced.rule(80, POOL, privateport=HTTP):
        answered = balanced.asked("fresh", 80, 3000, sources=CLIENTS)
        assert set(answered) == set(POOL) and max(answered.values()) <= 1.2 * 3000 / len(POOL), answered


@pytest.mark.usefixtures("servers")
def test_each_client_stays_with_its_server(balanced: Balanced) -> None:
    some = CLIENTS[::5]

    def asked() -> dict[str, str]:
        internet, address = balanced.node(INTERNET), balanced.address["ipaddress"]
        return {each: json.loads(get(internet, address, 80, "--interface", each))["name"] for each in some}

    with balanced.rule(80, POOL[:3], privateport=HTTP) as rule:
        balanced.remember(rule, "SourceBased", {"expire": "10m"})
        balanced.cloud.wait_objects()
        before = asked()
        balanced.assign(rule, *POOL[3:])
        assert asked() == before and set(before.values()) == set(POOL[:3])
        assert set(balanced.asked("fresh", 80, 300)) < set(POOL), "a client has one server"


def test_only_those_of_a_dead_server_break(balanced: Balanced, servers: dict[str, ExitStack]) -> None:
    """nginx dies on one machine; two checks, two seconds apart, find it out. Later it is back."""
    members, call, controller = POOL[:4], balanced.tenant.call, balanced.cloud.controller

    def wait_for(wanted: str) -> None:
        def known() -> bool:
            rows = call.listLoadBalancerRuleInstances(id=rule)["loadbalancerruleinstance"]
            return any(row["name"] == "web2" and row.get("servicestate") == wanted for row in rows)

        controller.wait(known, f"web2 to be {wanted}", 20)
        balanced.cloud.wait_objects()

    with balanced.rule(80, members, privateport=HTTP) as rule:
        policy = {"intervaltime": 2, "responsetimeout": 2, "healthythreshold": 2, "unhealthythreshold": 2}
        call.createLBHealthCheckPolicy(lbruleid=rule, pingpath="/", **policy)
        wait_for("Up")
        standing = balanced.clients("steady", 80, STANDING, sources=CLIENTS)
        servers["web2"].close()
        wait_for("Down")
        assert set(balanced.asked("fresh", 80, 300, sources=CLIENTS)) == {"web1", "web3", "web4"}
        servers["web2"].enter_context(nginx(balanced, "web2"))
        wait_for("Up")
        assert "web2" in balanced.asked("fresh", 80, 300, sources=CLIENTS)
        answered, broken = ended(standing)
        assert len(broken) == answered["web2"] > 0 and all("web2" in each for each in broken), broken[:5]


@pytest.mark.parametrize("words", [(), ("+tcp",)], ids=["UDP", "TCP"])
def test_names_are_asked_of_every_server(balanced: Balanced, words: tuple[str, ...]) -> None:
    protocol, question = "tcp" if words else "udp", ("+time=5", "+short", NAME, "TXT")
    with balanced.rule(53, POOL, privateport=DNS, protocol=protocol):
        address, clients = balanced.address["ipaddress"], CLIENTS[::2]
        lines = (" ".join((f"@{address}", "-b", client, *words, *question)) for client in clients)
        file = balanced.cloud.directory / "asked"
        file.write_text("\n".join(lines) + "\n")
        said = balanced.node(INTERNET).cmd(f"xargs -P 8 -L 1 dig < {file}")
        answered = Counter(said.replace('"', "").split())
        assert answered.total() == len(clients) and set(answered) == set(POOL), answered
