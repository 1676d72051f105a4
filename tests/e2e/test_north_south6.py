"""IPv6 between tenants and the outside: routed, with the routes that listNetworks says, and no translation.

Each case is packets that must pass beside packets that must not.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.answers import get
from tests.e2e.north import North, north_cloud
from tests.e2e.ping import ask, reach
from tests.e2e.routed import IPV6
from tests.e2e.talk import ended, listening, running
from topologies.demo.outside import FAR6, NEAR6, add_routes
from topologies.leaf_spine import INTERNET

pytestmark = pytest.mark.mininet


@pytest.fixture(scope="module")
def served() -> Iterator[North]:
    with north_cloud({"red1": "h1", "red2": "h3", "blue1": "h2", "web1": "h4"}) as north:
        add_routes(north.cloud, north.made.admin.call)
        north.cloud.wait_objects()
        yield north


def test_nothing_leaves_until_a_rule_lets_it(served: North) -> None:
    IPV6.only_rules_let_out(served)


def test_nothing_comes_in_until_a_rule_lets_it(served: North) -> None:
    IPV6.only_rules_let_in(served, "red2")


def test_a_tier_has_its_list_of_rules_instead(served: North) -> None:
    call, internet, web1 = served.call("web1"), served.node(INTERNET), served.machines["web1"]
    assert json.loads(get(served.node("web1"), FAR6)) == {"name": INTERNET, "from": web1.ipv6}
    assert json.loads(get(internet, web1.ipv6)) == {"name": "web1", "from": NEAR6}
    vpc = call.listVPCs()["vpc"][0]
    assert {route["subnet"] for route in vpc["ip6routes"]} == {"2001:db8:11::/64"}
    narrow = call.createNetworkACLList(name="narrow", vpcid=vpc["id"])["networkacllist"]["id"]
    item = {"aclid": narrow, "protocol": "tcp", "startport": 8080, "endport": 8080}
    call.createNetworkACL(number=1, traffictype="ingress", cidrlist=f"{NEAR6}/128", **item)
    call.createNetworkACL(number=2, traffictype="egress", cidrlist=f"{NEAR6}/128", **item)
    before = call.listNetworks(id=served.networks["web"])["network"][0]["aclid"]
    call.replaceNetworkACLList(aclid=narrow, networkid=served.networks["web"])
    served.cloud.wait_objects()
    try:
        assert json.loads(get(internet, web1.ipv6))["name"] == "web1"
        assert get(internet, web1.ipv6, 8080, "--interface", FAR6) == ""
        assert " 0 received" in ask(internet, web1.ipv6)
        assert json.loads(get(served.node("web1"), NEAR6))["name"] == INTERNET
        assert get(served.node("web1"), FAR6) == ""
    finally:
        call.replaceNetworkACLList(aclid=before, networkid=served.networks["web"])
        served.cloud.wait_objects()


def test_tenants_reach_each_other_by_the_router_outside(served: North) -> None:
    IPV6.tenants_meet_outside(served, "web1")


#: Sends one datagram, and says what comes of it.
SEND = """
import socket, sys
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
    sender.settimeout(3)
    sender.connect((sys.argv[1], 1))
    sender.send(b"hello")
    try:
        sender.recv(100)
    except OSError as error:
        print(type(error).__name__)
"""


def sent(node: Any) -> str:
    """What comes of a datagram to a port of the next router where nobody is."""
    process = node.popen([sys.executable, "-c", SEND, NEAR6], stdout=-1, text=True)
    return str(process.communicate(timeout=30)[0]).strip()


def test_errors_come_back_of_what_was_let_out(served: North) -> None:
    out = IPV6.rule(served, "red1", "egress", "all")
    red1 = served.node("red1")
    assert sent(red1) == "ConnectionRefusedError"
    with served.cutting("red1"):
        assert sent(red1) == "ConnectionRefusedError", "they are judged as what they are about"
    assert "Hop limit" in reach(red1, FAR6, "-t1"), "the router says that the hops are spent"
    assert "Hop limit" in reach(served.node(INTERNET), served.machines["red1"].ipv6, "-t1")
    IPV6.withdraw(served, "red1", out)


def test_who_is_outside_does_not_speak_in_the_name_of_who_is_inside(served: North) -> None:
    internet, red1, red2 = served.node(INTERNET), served.machines["red1"], served.machines["red2"]
    opened = IPV6.rule(served, "red2", "ingress", "all")
    seen = served.node("red2").popen(
        ["timeout", "6", "tcpdump", "-n", "-l", "-i", "any", "icmp6", "and", "src", str(red1.ipv6)],
        stdout=-1, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while "listening" not in (line := seen.stdout.readline()):
        assert line, "tcpdump has ended"
    internet.cmd(f"ip address add {red1.ipv6}/128 dev lo nodad")
    try:
        assert " 0 received" in ask(internet, red2.ipv6, "-I", str(red1.ipv6))
    finally:
        internet.cmd(f"ip address del {red1.ipv6}/128 dev lo")
    # The one who has the address is heard.
    assert " 3 received" in reach(served.node("red1"), red2.ipv6)
    assert seen.communicate(timeout=30)[0].count("echo request") == 3
    IPV6.withdraw(served, "red2", opened)


def test_prefixes_move_when_their_gateway_dies_and_back_when_it_returns(served: North) -> None:
    internet, red1, red2 = served.node(INTERNET), served.node("red1"), served.machines["red2"]
    rules = [IPV6.rule(served, "red1", "egress", "all"), IPV6.rule(served, "red2", "ingress", "all")]
    address = served.source_nat("red1")["ipaddress"]
    first = served.cloud.home(address)
    with listening(internet, 7000):
        talk = running(red1, "to", FAR6, "7000")
        pings = [
            node.popen(["ping", "-i", "0.01", "-c", "600", "-W", "1", str(to)], stdout=-1, text=True)
            for node, to in ((red1, FAR6), (internet, red2.ipv6))
        ]
        time.sleep(1)
        with served.cloud.cut_off(first, address):
            time.sleep(1.5)
        for process in pings:
            output, _ = process.communicate(timeout=30)
            sent, received = map(int, re.findall(r"(\d+) packets transmitted, (\d+) received", output)[0])
            assert sent == 600
            # Mostly some 10 of them; now and then the outside's own switch takes half a second to notice.
            assert sent - received <= 120, output[-300:]
        found = ended(talk)
        assert found["count"] > 50 and found["longest"] < 5, found
    IPV6.withdraw(served, "red1", *rules)
