"""Real clients as judges: ISC dhclient and the Linux kernel, answered by the guest services alone.

A veth pair joins two network namespaces. The client lives in one; in the other a raw socket stands for the
switch: it sorts frames as the pipeline does and sends out what `answer` says.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_RS, IPv6
from scapy.layers.l2 import ARP, Ether

from sdn_orch.dataplane.pipeline import NETWORK, REASON, Punt
from sdn_orch.guest.dispatch import answer
from sdn_orch.intent.model import Attachment, Network
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.southbound.base import PacketIn
from tests.unit.guest.world import AUTONOMOUS1, DPID, MAC1, MAC2, gateway, gateway6
from tests.unit.guest.world import WORLD as TRUNK_WORLD

pytestmark = [
    pytest.mark.mininet,
    pytest.mark.skipif(shutil.which("dhclient") is None, reason="needs isc-dhcp-client"),
]

#: web1 is at port 1, web2 at port 3; both on access ports.
WORLD: Snapshot = TRUNK_WORLD.change([Put(replace(TRUNK_WORLD.need(Attachment, "a2"), port=3, vlan=None))])
_CLONE_NEWNET = 0x40000000
#: What `dhclient-script` would do to the machine is not wanted; only the address is, and what was told.
_SCRIPT = """\
#!/bin/sh
case $reason in
    PREINIT) ip link set dev "$interface" up ;;
    BOUND|RENEW|REBIND|REBOOT)
        ip -4 addr replace "$new_ip_address/$new_subnet_mask" dev "$interface"
        [ -z "$new_routers" ] || ip -4 route replace default via "$new_routers" dev "$interface"
        env | grep -e '^new_' -e '^reason' > {told}.part && mv {told}.part {told} ;;
    BOUND6|RENEW6|REBIND6)
        ip -6 addr replace "$new_ip6_address/$new_ip6_prefixlen" dev "$interface" nodad
        env | grep -e '^new_' -e '^reason' > {told}.part && mv {told}.part {told} ;;
esac
exit 0
"""
_CONFIGURATION = """\
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, routers, domain-name, domain-name-servers, host-name, interface-mtu,
        rfc3442-classless-static-routes, dhcp6.name-servers, dhcp6.domain-search;
"""


class Link:
    """The two namespaces, the veth between them, and the thread that stands for switch and controller."""

    def __init__(self, directory: Path, mac: str, port: int) -> None:
        self.directory = directory
        self.port = port
        self.client, self.switch = (f"sdn-orch-{end}-{os.getpid()}" for end in ("c", "s"))
        self.problems: list[BaseException] = []
        self.requests: list[Punt] = []
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        for namespace in (self.client, self.switch):
            _run("ip", "netns", "add", namespace)
        # fmt: off
        _run("ip", "link", "add", "eth0", "address", mac, "netns", self.client,
             "type", "veth", "peer", "name", "port", "netns", self.switch)
        # fmt: on
        self.inside("sysctl", "-qw", "net.ipv6.conf.eth0.addr_gen_mode=0", "net.ipv6.conf.eth0.accept_ra=1")
        _run("ip", "-n", self.switch, "link", "set", "port", "up")
        self._thread.start()
        assert self._ready.wait(5)

    def inside(self, *command: str, check: bool = True) -> str:
        """Run a command in the client's namespace; its output, both streams."""
        return _run("ip", "netns", "exec", self.client, *command, check=check)

    def up(self) -> None:
        _run("ip", "-n", self.client, "link", "set", "eth0", "up")

    def lease(self, version: str) -> dict[str, str]:
        """Run dhclient until it is bound; what it was told, by its own names."""
        stem = self.directory / f"v{version}"
        told = stem.with_suffix(".told")
        script, configuration = stem.with_suffix(".sh"), stem.with_suffix(".conf")
        script.write_text(_SCRIPT.format(told=told))
        script.chmod(0o755)
        configuration.write_text(_CONFIGURATION)
        # fmt: off
        command = ["ip", "netns", "exec", self.client, "dhclient", f"-{version}", "-1", "-d", "-v",
                   "-sf", str(script), "-cf", str(configuration), "-lf", str(stem.with_suffix(".leases")),
                   "-pf", str(stem.with_suffix(".pid")), "eth0"]
        # fmt: on
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
            try:
                until(told.exists, lambda: f"dhclient was not bound: {self.requests}, {self.problems}")
            finally:
                client.terminate()
                output, _ = client.communicate(timeout=10)
        assert not self.problems, (self.problems, output)
        return dict(line.split("=", 1) for line in told.read_text().splitlines())

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        for namespace in (self.client, self.switch):
            _run("ip", "netns", "del", namespace)

    def _serve(self) -> None:
        try:
            with Path(f"/run/netns/{self.switch}").open() as namespace:
                # Of this thread alone; a socket stays in the namespace in which it was made.
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as port:
                port.bind(("port", 3))
                self._ready.set()
                while not self._stop.is_set():
                    if select.select([port], [], [], 0.1)[0]:
                        frame, address = port.recvfrom(65535)
                        if address[2] != socket.PACKET_OUTGOING:
                            self._answer(port, frame)
        except BaseException as problem:
            self.problems.append(problem)

    def _answer(self, port: socket.socket, frame: bytes) -> None:
        reason, network = sort(frame)
        if reason is None:
            return
        number = WORLD.need(Network, network).number
        metadata = NETWORK.of(number)[0] | REASON.of(reason)[0]
        reply = answer(WORLD, PacketIn(DPID, self.port, 13, 1, metadata, 1, frame))
        self.requests.append(reason)
        if reply is not None:
            port.send(reply.frame)


def sort(frame: bytes) -> tuple[Punt | None, str]:
    """Why a plain switch would send this frame up, and with which network in its metadata."""
    packet: Any = Ether(frame)
    if ARP in packet:
        return Punt.ARP, "web"
    if UDP in packet and packet[UDP].dport in (67, 547):
        return (Punt.DHCP4 if packet[UDP].dport == 67 else Punt.DHCP6), "web"
    if ICMPv6ND_RS in packet:
        return Punt.ROUTER_SOLICITATION, "web"
    if ICMPv6ND_NS in packet:
        return Punt.NEIGHBOUR_SOLICITATION, "web"
    if packet.dst != gateway("web"):
        return None, ""
    ip = packet[IP] if IP in packet else packet[IPv6]
    if ip.dst in ("10.1.1.1", "10.1.2.1", "fd00:1::1", gateway6("web")) and (
        ICMP in packet or ICMPv6EchoRequest in packet
    ):
        return Punt.GATEWAY_ECHO, "web"
    if (ip.ttl if IP in packet else ip.hlim) <= 1:
        return Punt.TTL_EXCEEDED, "web"
    if len(bytes(ip)) > WORLD.need(Network, "db").mtu:
        return Punt.TOO_BIG, "db"
    return None, ""


def until(done: Callable[[], object], otherwise: Callable[[], str], seconds: float = 20.0) -> None:
    """Wait until something is so; fail with what `otherwise` says."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


def _run(*command: str, check: bool = True) -> str:
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    assert not check or result.returncode == 0, (command, result.stdout)
    return result.stdout


@pytest.fixture
def web1(tmp_path: Path) -> Iterator[Link]:
    link = Link(tmp_path, MAC1, 1)
    yield link
    link.close()


@pytest.fixture
def web2(tmp_path: Path) -> Iterator[Link]:
    link = Link(tmp_path, MAC2, 3)
    yield link
    link.close()


def test_dhclient_takes_a_lease_and_the_gateway_answers(web1: Link) -> None:
    told = web1.lease("4")
    assert told["new_ip_address"] == "10.1.1.11"
    assert told["new_subnet_mask"] == "255.255.255.0"
    assert told["new_routers"] == "10.1.1.1"
    assert told["new_dhcp_server_identifier"] == "10.1.1.1"
    assert told["new_domain_name_servers"] == "10.1.1.1 192.0.2.53"
    assert told["new_domain_name"] == "vpc.example"
    assert told["new_host_name"] == "web1"
    assert told["new_interface_mtu"] == "1450"
    assert told["new_rfc3442_classless_static_routes"] == "12 172 16 10 1 1 254 0 10 1 1 1"
    assert web1.requests.count(Punt.DHCP4) == 2
    assert " 3 received" in web1.inside("ping", "-c3", "-i0.05", "-w10", "10.1.1.1")
    assert " 3 received" in web1.inside("ping", "-c3", "-i0.05", "-w10", "10.1.2.1")
    expired = web1.inside("ping", "-c1", "-w10", "-t1", "10.1.2.13", check=False)
    assert "From 10.1.1.1" in expired and "Time to live exceeded" in expired
    web1.inside("ping", "-c1", "-w10", "-Mdo", "-s1400", "10.1.2.13", check=False)
    assert "mtu 1300" in web1.inside("ip", "route", "get", "10.1.2.13")
    assert not web1.problems


def test_a_client_that_remembers_a_foreign_address_is_corrected(web1: Link) -> None:
    (web1.directory / "v4.leases").write_text(
        'lease {\n  interface "eth0";\n  fixed-address 10.1.1.77;\n  option subnet-mask 255.255.255.0;\n'
        "  option dhcp-server-identifier 10.1.1.1;\n  renew 2 2100/01/05 00:00:00;\n"
        "  rebind 2 2100/01/05 00:00:00;\n  expire 2 2100/01/05 00:00:00;\n}\n"
    )
    assert web1.lease("4")["new_ip_address"] == "10.1.1.11"
    # A request that was refused, then discover and request.
    assert web1.requests.count(Punt.DHCP4) == 3


def test_the_kernel_makes_its_address_from_the_advertisement(web1: Link) -> None:
    web1.up()
    until(
        lambda: re.search(rf"inet6 {AUTONOMOUS1}/64 scope global dynamic", web1.inside("ip", "-6", "addr")),
        lambda: f"no address: {web1.inside('ip', '-6', 'addr')}, {web1.requests}, {web1.problems}",
    )
    # Its probe for duplicates was not answered, or the address would be marked so.
    until(lambda: "tentative" not in web1.inside("ip", "-6", "addr"), lambda: "still tentative")
    assert "dadfailed" not in web1.inside("ip", "-6", "addr")
    routes = web1.inside("ip", "-6", "route")
    assert re.search(rf"default via {gateway6('web')} dev eth0 proto ra .*expires", routes)
    assert "mtu 1450" in web1.inside("ip", "-6", "route", "get", "fd00:2::13") or "mtu 1450" in routes
    assert " 3 received" in web1.inside("ping", "-c3", "-i0.05", "-w10", "fd00:1::1")
    assert " 3 received" in web1.inside("ping", "-c3", "-i0.05", "-w10", f"{gateway6('web')}%eth0")
    expired = web1.inside("ping", "-c1", "-w10", "-t1", "fd00:2::13", check=False)
    assert "From fd00:1::1" in expired and "Hop limit" in expired
    web1.inside("ping", "-c1", "-w10", "-Mdo", "-s1380", "fd00:2::13", check=False)
    assert "mtu 1300" in web1.inside("ip", "-6", "route", "get", "fd00:2::13")
    assert not web1.problems


def test_dhclient_takes_an_ipv6_lease(web2: Link) -> None:
    web2.up()
    until(
        lambda: "tentative" not in (shown := web2.inside("ip", "-6", "addr")) and "fe80" in shown,
        lambda: "no link-local address",
    )
    told = web2.lease("6")
    assert told["new_ip6_address"] == "fd00:1::12"
    assert told["new_dhcp6_name_servers"] == "fd00:1::1 2001:db8::53"
    assert told["new_dhcp6_domain_search"] == "vpc.example."
    assert " 3 received" in web2.inside("ping", "-c3", "-i0.05", "-w10", "-I", "fd00:1::12", "fd00:1::1")
    # The advertisement told it to ask: it made no address of its own.
    assert "scope global dynamic" not in web2.inside("ip", "-6", "addr")
    assert not web2.problems
