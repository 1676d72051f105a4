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


#: Sends as many bytes at once as do not fit, by UDP or SCTP, and prints of which MTU the host is told.
SEND = """
import socket, struct, sys, time
address, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
family, level = (socket.AF_INET6, 41) if ":" in address else (socket.AF_INET, 0)
kind = (socket.SOCK_DGRAM, 17) if protocol == "udp" else (socket.SOCK_RAW, 132)
discover, mtu = (23, 24) if level else (10, 14)  # IPV6_MTU_DISCOVER, IPV6_MTU; IP_MTU_DISCOVER, IP_MTU
with socket.socket(family, *kind) as sender:
    sender.setsockopt(level, discover, 2)  # PMTUDISC_DO
    sender.connect((address, port if protocol == "udp" else 0))
    ports = b"" if protocol == "udp" else struct.pack("!HH", 5000, port)
    for _ in range(50):
        try:
            sender.send(ports + bytes(1400 - len(ports)))
        except OSError:
            print(sender.getsockopt(level, mtu))
            break
        time.sleep(0.1)
"""

#: Sends a lot by TCP to who says it back, and prints how much of it came back.
TALK = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
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


def told(node: Any, address: str, port: int, protocol: str = "udp") -> str:
    """The MTU that a host hears of when it sends more than fits."""
    return _run(node, SEND, address, str(port), protocol)


def talked(node: Any, address: str, port: int) -> str:
    """How much comes back of what a host says by TCP."""
    return _run(node, TALK, address, str(port))


def _run(node: Any, script: str, *words: str) -> str:
    process = node.popen([sys.executable, "-c", script, *words], stdout=-1, stderr=-1, text=True)
    output, errors = process.communicate(timeout=60)
    print(output, errors)
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
    assert told(internet, public, 9000) == str(MTU)
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
        assert talked(internet, address["ipaddress"], PUBLIC_PORT) == "300000"
    assert f"mtu {MTU}" in internet.cmd(f"ip route get {address['ipaddress']}")
    internet.cmd("ip route flush cache")
    assert told(internet, address["ipaddress"], PUBLIC_PORT) == str(MTU)
    # From inside too, where the error is translated back twice at one gateway.
    blue1, public = served.node("blue1"), address["ipaddress"]
    with served.cloud.cut_off(served.cloud.home(public), public):
        blue1.cmd("ip route flush cache")
        assert told(blue1, public, PUBLIC_PORT) == str(MTU)
    # The same where connections end with what let them begin.
    internet.cmd("ip route flush cache")
    with served.cutting("red1"), listening(red1, PORT):
        assert talked(internet, address["ipaddress"], PUBLIC_PORT) == "300000"
    call.disassociateIpAddress(id=address["id"])
    served.cloud.wait_objects()


def test_whoever_answers_a_machine_behind_source_nat_is_told(served: North, internet: Any, red1: Any) -> None:
    with listening(internet, PORT):
        assert talked(red1, FAR, PORT) == "300000"
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
        assert talked(internet, address["ipaddress"], PUBLIC_PORT) == "300000"
    assert f"mtu {MTU}" in internet.cmd(f"ip route get {address['ipaddress']}")
    call.disassociateIpAddress(id=address["id"])
    served.cloud.wait_objects()


@pytest.mark.parametrize(
    ("protocol", "version", "direct"),
    [("udp", 4, True), ("udp", 6, False), ("udp", 6, True), ("sctp", 4, False), ("sctp", 6, False)],
)
def test_clients_of_other_balancers_are_told(
    served: North, internet: Any, protocol: str, version: int, direct: bool
) -> None:
    """Of SCTP, of IPv6, and those whose members get what clients sent as it was sent."""
    call = served.call("web1")
    wanted: dict[str, Any] = {"network": served.networks["web"], "ports": [PORT, PORT]}
    address = call.associateIpAddress(vpcid=call.listVPCs()["vpc"][0]["id"])["ipaddress"]
    if version == 4:
        wanted["address"] = address["ipaddress"]
    wanted |= {"name": "balancer", "protocol": protocol, "direct_return": direct}
    made = served.cloud.controller.post("/v1/balancers", wanted)
    call.assignToLoadBalancerRule(id=made["id"], virtualmachineids=[served.vm("web1")])
    served.cloud.wait_objects()
    assert told(internet, made["address"], PORT, protocol) == str(MTU)
    served.cloud.controller.delete(f"/v1/balancers/{made['id']}")
    call.disassociateIpAddress(id=address["id"])
    served.cloud.wait_objects()


def test_a_sender_to_the_ipv6_of_a_tier_is_told(served: North, internet: Any) -> None:
    web1 = served.machines["web1"]
    assert " 3 received" in reach(internet, web1.ipv6, f"-M do -s {FITS6}")
    heard = reach(internet, web1.ipv6, f"-M do -s {FITS6 + 1}")
    assert f"From {web1.ipv6} icmp_seq=1 Packet too big: mtu={MTU}" in heard, heard
