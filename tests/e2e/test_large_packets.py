"""What comes from outside and is too large for the network that it is for: whoever has sent it is told.

The public network carries 1,500 bytes, red's network and blue's tier 1,400; blue's other network as many.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.north import North, north_cloud
from tests.e2e.ping import reach
from tests.e2e.talk import listening
from topologies.demo.outside import FAR, add_routes
from topologies.leaf_spine import INTERNET

pytestmark = pytest.mark.mininet

MTU = 1400
#: What a ping of just as many bytes, and one of one more, carry by IPv4 and by IPv6.
FITS4, FITS6 = MTU - 28, MTU - 48
PORT, PUBLIC_PORT = 7000, 7777


@pytest.fixture(scope="module")
def served() -> Iterator[North]:
    hosts = {"red1": "h1", "red2": "h3", "blue1": "h2", "web1": "h7"}
    with north_cloud(hosts, mtus={"red-net": MTU, "web": MTU}) as north:
        add_routes(north.cloud, north.made.admin.call)
        for name in ("red1", "blue1"):
            network = north.networks[north.machines[name].network]
            north.call(name).createEgressFirewallRule(networkid=network, protocol="all")
        north.cloud.wait_objects()
        yield north


@pytest.fixture
def internet(served: North) -> Any:
    """The host outside, which has not heard of any MTU yet."""
    node = served.node(INTERNET)
    node.cmd("ip route flush cache; ip -6 route flush cache")
    return node


@pytest.fixture
def red1(served: North) -> Iterator[Any]:
    """Red's machine, to which TCP sends segments as long as the public network carries."""
    node = served.node("red1")
    node.cmd("ip route change default via 10.1.1.1 advmss 1460")
    yield node
    node.cmd("ip route change default via 10.1.1.1")


#: Sends a lot to who says it back, and prints how much of it came back; with `SIZE` datagrams of that size.
SEND = """
import socket, sys, time
address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if size:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        sender.connect((address, port))
        for _ in range(20):
            try:
                sender.send(bytes(size))
            except OSError:
                print(sender.getsockopt(socket.IPPROTO_IP, 14))  # IP_MTU
                break
            time.sleep(0.1)
    sys.exit()
got = 0
with socket.create_connection((address, port), timeout=15) as session:
    for _ in range(10):
        session.sendall(bytes(30_000))
        left = 30_000
        while left:
            left -= len(session.recv(left))
        got += 30_000
print(got)
"""


def sent(node: Any, address: str, port: int, size: int = 0) -> str:
    process = node.popen(
        [sys.executable, "-c", SEND, address, str(port), str(size)], stdout=-1, stderr=-1, text=True
    )
    output, errors = process.communicate(timeout=60)
    return str(output or errors).strip()


def hears(node: Any, address: str) -> None:
    """A host that pings an address is told how large packets may be."""
    node.cmd("ip route flush cache")
    heard = reach(node, address, f"-M do -s {FITS4 + 1}")
    assert f"From {address} icmp_seq=1 Frag needed and DF set (mtu = {MTU})" in heard, heard


def test_a_sender_to_static_nat_is_told(served: North, internet: Any) -> None:
    call, address = served.call("red2"), served.address("red2")
    call.enableStaticNat(ipaddressid=address["id"], virtualmachineid=served.vm("red2"))
    call.createFirewallRule(ipaddressid=address["id"], protocol="icmp", icmptype=-1, icmpcode=-1)
    call.createFirewallRule(ipaddressid=address["id"], protocol="udp", startport=1, endport=65535)
    served.cloud.wait_objects()
    public = address["ipaddress"]
    assert " 3 received" in reach(internet, public, f"-M do -s {FITS4}")
    hears(internet, public)
    assert f"mtu {MTU}" in internet.cmd(f"ip route get {public}")
    internet.cmd("ip route flush cache")
    assert sent(internet, public, 9000, FITS4 + 1) == str(MTU)
    # From inside, by the public address, as from outside; also where both tenants have one gateway.
    blue1 = served.node("blue1")
    hears(blue1, public)
    with served.cloud.cut_off(served.cloud.home(public), public):
        served.cloud.controller.wait(lambda: " 3 received" in reach(blue1, public), "the other gateway")
        hears(blue1, public)
    call.disassociateIpAddress(id=address["id"])
    served.cloud.wait_objects()


def test_a_sender_to_a_forwarded_port_is_told(served: North, internet: Any, red1: Any) -> None:
    call, address = served.call("red1"), served.address("red1")
    for protocol, port in (("tcp", PORT), ("udp", 9000)):
        call.createPortForwardingRule(
            ipaddressid=address["id"], protocol=protocol, publicport=PUBLIC_PORT, privateport=port,
            virtualmachineid=served.vm("red1"), openfirewall=True,
        )  # fmt: skip
    served.cloud.wait_objects()
    with listening(red1, PORT):
        assert sent(internet, address["ipaddress"], PUBLIC_PORT) == "300000"
    assert f"mtu {MTU}" in internet.cmd(f"ip route get {address['ipaddress']}")
    internet.cmd("ip route flush cache")
    assert sent(internet, address["ipaddress"], PUBLIC_PORT, FITS4 + 1) == str(MTU)
    # The same where connections end with what let them begin.
    internet.cmd("ip route flush cache")
    with served.cutting("red1"), listening(red1, PORT):
        assert sent(internet, address["ipaddress"], PUBLIC_PORT) == "300000"
    call.disassociateIpAddress(id=address["id"])
    served.cloud.wait_objects()


def test_whoever_answers_a_machine_behind_source_nat_is_told(served: North, internet: Any, red1: Any) -> None:
    with listening(internet, PORT):
        assert sent(red1, FAR, PORT) == "300000"
    assert f"mtu {MTU}" in internet.cmd(f"ip route get {served.source_nat('red1')['ipaddress']}")


def test_a_client_of_a_balancer_is_told(served: North, internet: Any, red1: Any) -> None:
    call, address = served.call("red1"), served.address("red1")
    rule = call.createLoadBalancerRule(
        publicipid=address["id"], publicport=PUBLIC_PORT, privateport=PORT, algorithm="roundrobin",
        name="balancer", protocol="tcp", openfirewall=True,
    )["loadbalancer"]["id"]  # fmt: skip
    call.assignToLoadBalancerRule(id=rule, virtualmachineids=[served.vm("red1")])
    served.cloud.wait_objects()
    with listening(red1, PORT):
        assert sent(internet, address["ipaddress"], PUBLIC_PORT) == "300000"
    assert f"mtu {MTU}" in internet.cmd(f"ip route get {address['ipaddress']}")
    call.disassociateIpAddress(id=address["id"])
    served.cloud.wait_objects()


def test_a_sender_to_the_ipv6_of_a_tier_is_told(served: North, internet: Any) -> None:
    web1 = served.machines["web1"]
    assert " 3 received" in reach(internet, web1.ipv6, f"-M do -s {FITS6}")
    heard = reach(internet, web1.ipv6, f"-M do -s {FITS6 + 1}")
    assert f"From {web1.ipv6} icmp_seq=1 Packet too big: mtu={MTU}" in heard, heard
