"""Members that answer from their balancer's address, which each has on its loopback device.

Inside of a VPC, with clients in one tier and members in the other, by IPv4 and IPv6; and at a public address,
behind a network that lets nothing out.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from tests.e2e.answers import get
from tests.e2e.wire import exchange
from topologies.balancing import Balanced, ended
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up
from topologies.demo.outside import DATAGRAMS, NEAR, WEB, add_routes, answering
from topologies.demo.tenants import ISOLATED, TIER, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

APPS, REDS = ("app1", "app2", "app3"), ("red1", "red2")
#: `web1` is on another leaf than any member, `app1` shares one with `web2`; `red2` is at the gateway.
PLACES = {"web1": "h1", "red1": "h2", "web2": "h3", "app1": "h4", "app2": "h5", "app3": "h6", "red2": "h7"}
#: Where members serve datagrams from the balancer's address: their server must be told which one.
_DATAGRAMS = DATAGRAMS + 1
_MARK, _CONTROL = "unasked for", "as itself"


@dataclass(frozen=True, slots=True)
class Direct(Balanced):
    """A balancer with direct return, and its members."""

    balancer: str
    members: tuple[str, ...]

    @property
    def front(self) -> str:
        """Where it is asked."""
        return str(self.address["ipaddress"])

    @contextmanager
    def heard(self, name: str) -> Iterator[list[tuple[str, str, str]]]:
        """What of TCP and UDP leaves and reaches a machine: In or Out, source and destination with ports."""
        words = ["timeout", "20", "tcpdump", "-n", "-l", "-i", "any", "-Q", "inout", "tcp or udp"]
        process = self.node(name).popen(words, stdout=-1, stderr=-1, text=True)
        assert any("listening on" in line for line in process.stderr)
        found: list[tuple[str, str, str]] = []
        yield found
        subprocess.run(["sleep", "0.5"], check=True)
        process.terminate()
        output, _ = process.communicate(timeout=20)
        found += re.findall(r" (In|Out) +IP6? (\S+) > (\S+):", output)

    @contextmanager
    def another(self, **wanted: Any) -> Iterator[Direct]:
        """One more at the address, in front of the same members."""
        network = self.cloud.controller.ask(f"/v1/balancers/{self.balancer}")["network"]
        given = {"address": self.front, "network": network}
        made = self.cloud.controller.post("/v1/balancers", {"direct_return": True} | given | wanted)
        here = replace(self, balancer=made["id"])
        here.assign(here.balancer, *self.members)
        yield here
        self.cloud.controller.delete(f"/v1/balancers/{here.balancer}")
        self.cloud.wait_objects()


@pytest.fixture(scope="module")
def clouds() -> Iterator[dict[str, Direct]]:
    """One balancer of each kind: inside by IPv4 and IPv6, and public."""
    with Cloud(partial(LeafSpine, leaves=4, hosts=2, gateways=1)) as cloud:
        made = begin_outside(cloud)
        blue, red = made.tenant("blue"), made.tenant("red")
        vpc = made.vpc(blue)
        networks = {
            "web": made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc),
            "app": made.network(blue, "app", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc),
            "red": made.network(red, "red", ISOLATED, "10.1.1.1", "2001:db8:1::/64"),
        }
        machines = {
            name: made.machine(red if name in REDS else blue, host, name, (name[:3], networks[name[:3]]))
            for name, host in PLACES.items()
        }
        bring_up(cloud, machines.values())
        add_routes(cloud, made.admin.call)
        address = red.call.associateIpAddress(networkid=networks["red"])["ipaddress"]
        red.call.createFirewallRule(ipaddressid=address["id"], protocol="tcp", startport=WEB, endport=WEB)
        pools: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
            "four": ("app", APPS, {"version": 4}),
            "six": ("app", APPS, {}),
            "public": ("red", REDS, {"address": address["ipaddress"]}),
        }
        found: dict[str, Direct] = {}
        for name, (network, members, more) in pools.items():
            wanted = {"name": name, "network": network, "ports": [WEB, WEB], "direct_return": True}
            row = cloud.controller.post("/v1/balancers", wanted | more)
            tenant = red if network == "red" else blue
            listed = tenant.call.listVirtualMachines()["virtualmachine"]
            vms = {each["name"]: each["id"] for each in listed}
            here = Direct(cloud, machines, tenant, vms, {"ipaddress": row["address"]}, row["id"], members)
            here.assign(here.balancer, *members)
            for member in members:
                here.node(member).cmd(f"ip address add {here.front} dev lo")
            found[name] = here
        with answering(cloud, found["public"].hosts()):
            yield found


@pytest.fixture(params=["four", "six", "public"])
def direct(request: pytest.FixtureRequest, clouds: dict[str, Direct]) -> Direct:
    return clouds[request.param]


def clients_of(here: Direct) -> tuple[str, ...]:
    """Who asks."""
    inside = ("web1", "web2") if here.members == APPS else ()
    return inside if inside and ":" not in here.front else (*inside, INTERNET)


def test_members_answer_from_the_address_and_see_clients_as_they_are(direct: Direct) -> None:
    row = direct.cloud.controller.ask(f"/v1/balancers/{direct.balancer}")
    assert row["direct_return"] and row["condition"] == "realised", row
    for client in clients_of(direct):
        with ExitStack() as stack:
            heard = {name: stack.enter_context(direct.heard(name)) for name in direct.members}
            answered = direct.asked("fresh", WEB, 60, client)
        assert set(answered) == set(direct.members), answered
        machine = direct.machines.get(client)
        version = 6 if ":" in direct.front else 4
        own = {machine.address(version)} if machine else {NEAR, "2001:db8:ff::1"}
        for name, said in heard.items():
            assert {way for way, _, _ in said} == {"In", "Out"}, (name, said[:3])
            for way, source, destination in said:
                ends = source.rpartition("."), destination.rpartition(".")
                (peer, _, _), (here, _, port) = ends if way == "In" else ends[::-1]
                assert (peer in own, here, port) == (True, direct.front, str(WEB)), (name, way, ends)
        seen = json.loads(get(direct.node(client), direct.front))
        assert seen["from"] in own and seen["name"] in direct.members


def test_counters_count_both_directions(direct: Direct) -> None:
    def counters() -> Any:
        return direct.cloud.controller.ask(f"/v1/balancers/{direct.balancer}/counters")

    (client, *_), before = clients_of(direct), counters()["connections"]
    direct.asked("fresh", WEB, 50, client)
    direct.cloud.controller.wait(lambda: counters()["connections"] == before + 50, "all to be counted", 30)
    for row in counters()["members"]:
        assert min(row["bytes_in"], row["bytes_out"]) > 250 * row["connections"] > 0, row
        assert max(row["packets_in"], row["packets_out"]) < 12 * row["connections"], row


def test_members_are_drained_without_a_broken_connection_and_cut_in_the_end(direct: Direct) -> None:
    client, gone = clients_of(direct)[-1], direct.members[-1]
    steady, coming = direct.clients("steady", WEB, 20, client), direct.clients("endless", WEB, 2, client)
    direct.remove(direct.balancer, gone)
    assert gone not in direct.asked("fresh", WEB, 60, client)
    direct.cloud.crash()
    direct.assign(direct.balancer, gone)
    assert set(direct.asked("fresh", WEB, 60, client)) == set(direct.members)
    for process, count in ((steady, 20), (coming, 20)):
        answered, broken = ended(process)
        assert not broken and answered.total() >= count, broken[:3]
    direct.cloud.controller.put(f"/v1/balancers/{direct.balancer}", {"drain": 0})
    steady = direct.clients("steady", WEB, 20, client)
    direct.remove(direct.balancer, gone)
    subprocess.run(["sleep", "6"], check=True)
    answered, broken = ended(steady)
    assert broken and gone not in direct.asked("fresh", WEB, 60, client)
    direct.cloud.controller.put(f"/v1/balancers/{direct.balancer}", {})
    direct.assign(direct.balancer, gone)


def test_datagrams_are_answered_from_the_address(clouds: dict[str, Direct]) -> None:
    for here in (clouds["four"], clouds["six"]):
        with (
            here.another(name="datagrams", protocol="udp", ports=[_DATAGRAMS, _DATAGRAMS]) as datagrams,
            _serving(here, here.members, WEB + 1, _DATAGRAMS),
        ):
            for client in clients_of(here):
                answered = datagrams.asked("datagrams", _DATAGRAMS, 150, client)
                assert set(answered) == set(here.members), answered


@contextmanager
def _serving(here: Direct, names: Iterable[str], web: int, datagrams: int) -> Iterator[None]:
    """Machines answer at the balancer's address alone."""
    with ExitStack() as stack:
        for name in names:
            command = ["python3", "-m", "topologies.demo.answer", name, str(web), str(datagrams), here.front]
            stack.enter_context(here.cloud.serving(here.machines[name].host, web, *command))
        yield


def test_what_is_open_is_counted(clouds: dict[str, Direct]) -> None:
    here = clouds["four"]
    wanted = {"algorithm": "least-connections", "ports": [WEB + 2, WEB + 2]}
    with here.another(name="least", **wanted) as least, _serving(here, here.members, WEB + 2, _DATAGRAMS + 1):

        def opened() -> int:
            rows = here.cloud.controller.ask(f"/v1/balancers/{least.balancer}/counters")["members"]
            return sum(row["open"] for row in rows)

        steady = least.clients("steady", WEB + 2, 12, "web2")
        least.asked("fresh", WEB + 2, 60, "web2")
        here.cloud.controller.wait(lambda: opened() == 12, "all to be counted", 30)
        answered, broken = ended(steady)
        assert not broken and answered.total() == 12, broken
        here.cloud.controller.wait(lambda: opened() == 0, "all to have ended", 30)


def test_nothing_else_is_said_from_the_address(direct: Direct) -> None:
    """Members say nothing unasked, and nothing from other ports; others nothing at all."""
    version = 6 if ":" in direct.front else 4
    member, other = direct.members[0], "web1" if direct.members == APPS else "red1"
    stranger = "web2" if direct.members == APPS else "red2"
    if direct.members == REDS:
        # Whoever is drained may answer still.
        direct.cloud.controller.put(f"/v1/balancers/{direct.balancer}", {"drain": 0})
        direct.remove(direct.balancer, stranger)
    receivers = [name for name in (*direct.machines, INTERNET) if name != member]
    frames = {
        name: [bytes(frame / _MARK.encode()) for frame in _forged(direct, name, version)]
        for name in dict.fromkeys((member, other, stranger))
    }
    # What they say as themselves is heard: from the balancer's own ports, too.
    own, peer = direct.machines[member], direct.machines[direct.members[1]]
    ip = (IP if version == 4 else IPv6)(src=own.address(version), dst=peer.address(version))
    control = Ether(src=own.mac, dst=peer.mac) / ip / UDP(sport=WEB, dport=5000) / _CONTROL.encode()
    nodes = {name: direct.node(name) for name in (*receivers, member)}
    got = exchange(nodes, frames | {member: [*frames[member], bytes(control)]})
    assert [each for each in got[peer.name] if _CONTROL.encode() in each]
    for name, received in got.items():
        heard = [Ether(each) for each in received if _MARK.encode() in each]
        # Who asks for an address is answered by the network, and nobody else hears of it.
        replies = [each for each in heard if ARP in each and each[ARP].op == 2]
        answers = [each for each in replies if name == member and each[ARP].psrc != direct.front]
        assert not [each.summary() for each in heard if each not in answers], name
    # Nobody has learnt from that who has the address.
    assert set(direct.asked("fresh", WEB, 40, clients_of(direct)[0])) <= set(direct.members)
    if direct.members == REDS:
        direct.cloud.controller.put(f"/v1/balancers/{direct.balancer}", {})
        direct.assign(direct.balancer, stranger)


def _forged(here: Direct, sender: str, version: int) -> Iterator[Any]:
    """What a machine may not say from the balancer's address, to machines near and far, and outside."""
    machine = here.machines[sender]
    node = here.node(sender)
    gateway = {"web": "10.20.1.1", "app": "10.20.2.1", "red": "10.1.1.1"}[machine.network]
    node.cmd(f"ping -c 1 -W 1 {gateway}")
    shown = node.cmd(f"ip neighbour show {gateway}")
    router = re.search(r"lladdr (\S+)", shown)
    assert router is not None, shown
    ip = partial(IP, src=here.front) if version == 4 else partial(IPv6, src=here.front)
    targets = [each.address(version) for name, each in here.machines.items() if name != sender]
    targets += [NEAR if version == 4 else "2001:db8:ff::1"]
    near = [
        each for name, each in here.machines.items() if each.network == machine.network and name != sender
    ]
    for ether in (Ether(src=machine.mac, dst=router[1]), Ether(src=machine.mac, dst="ff:ff:ff:ff:ff:ff")):
        for target in targets:
            yield ether / ip(dst=target) / TCP(sport=WEB, dport=5000, flags="S")
            yield ether / ip(dst=target) / TCP(sport=WEB, dport=5000, flags="SA")
            yield ether / ip(dst=target) / TCP(sport=WEB + 1, dport=5000, flags="S")
            yield ether / ip(dst=target) / UDP(sport=WEB, dport=5000)
            if version == 4:
                yield ether / ip(dst=target) / ICMP()
    for each in near:
        ether = Ether(src=machine.mac, dst=each.mac)
        yield ether / ip(dst=each.address(version)) / TCP(sport=WEB, dport=5000, flags="SA")
        yield ether / ip(dst=each.address(version)) / UDP(sport=WEB, dport=5000)
        if version == 4:
            for operation in (1, 2):
                claim = ARP(op=operation, hwsrc=machine.mac, psrc=here.front, pdst=each.ipv4)
                yield ether / claim
                yield Ether(src=machine.mac, dst="ff:ff:ff:ff:ff:ff") / claim


def test_machines_on_its_router_get_no_answer_from_a_public_address(clouds: dict[str, Direct]) -> None:
    here = clouds["public"]
    here.remove(here.balancer, "red2")
    here.node("red2").cmd(f"ip address del {here.front} dev lo")
    assert get(here.node("red2"), here.front) == ""
    here.node("red2").cmd(f"ip address add {here.front} dev lo")
    here.assign(here.balancer, "red2")


def test_who_is_found_dead_gets_nothing(clouds: dict[str, Direct]) -> None:
    """Members are asked at their own addresses, whatever they answer clients from."""
    here, call = clouds["four"], clouds["four"].tenant.call
    how = {"intervaltime": 2, "responsetimeout": 2, "healthythreshold": 2, "unhealthythreshold": 2}
    policy = call.createLBHealthCheckPolicy(lbruleid=here.balancer, **how)
    drop = f"-p tcp --dport {WEB} -d {here.machines['app2'].ipv4} -j DROP"

    def are(state: str) -> bool:
        listed = call.listLoadBalancerRuleInstances(id=here.balancer)["loadbalancerruleinstance"]
        expected = dict.fromkeys(APPS, "Up") | {"app2": state}
        return {row["name"]: row.get("servicestate") for row in listed} == expected

    try:
        assert here.node("app2").cmd(f"iptables -I INPUT {drop}") == ""
        here.cloud.controller.wait(lambda: are("Down"), "one to be down", 30)
        here.cloud.controller.wait(here.cloud.in_sync, "the switches to be in sync")
        assert set(here.asked("fresh", WEB, 60, "web1")) == {"app1", "app3"}
    finally:
        here.node("app2").cmd(f"iptables -D INPUT {drop}")
    here.cloud.controller.wait(lambda: are("Up"), "all to be up", 30)
    call.deleteLBHealthCheckPolicy(id=policy["healthcheckpolicies"]["healthcheckpolicy"][0]["id"])
    here.cloud.wait_objects()


def test_a_trace_says_to_whom_it_goes(clouds: dict[str, Direct]) -> None:
    here = clouds["four"]
    said = here.cloud.controller.command("trace", "--from", "web1", "--to", here.front, "--tcp", str(WEB))
    assert "delivered" in said.stdout and "but the intent" not in said.stdout, said.stdout
