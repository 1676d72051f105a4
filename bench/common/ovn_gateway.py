"""OVN with a gateway router between the network 10.1.1.0/24 and a public one, on one host."""

from __future__ import annotations

import shlex

from bench.common.namespaces import Lab, Namespace
from bench.common.ovn import Ovn, wait_for_bridge
from bench.common.sandbox import run

_ROUTER = """\
ls-add inside
lr-add router
set logical_router router options:chassis=host1
lrp-add router to-inside 0a:00:00:00:00:01 10.1.1.1/24
lsp-add inside inside-router
lsp-set-type inside-router router
lsp-set-addresses inside-router router
lsp-set-options inside-router router-port=to-inside
ls-add public
lrp-add router to-public 0a:00:00:00:00:02 {address}/24
lsp-add public public-router
lsp-set-type public-router router
lsp-set-addresses public-router router
lsp-set-options public-router router-port=to-public
lsp-add public outside
lsp-set-type outside localnet
lsp-set-addresses outside unknown
lsp-set-options outside network_name=public
"""


class OvnGateway(Lab):
    """The logical switch `inside`, the gateway router `router`, the public network's bridge, and hosts."""

    def __init__(self, address: str) -> None:
        """`address` is the router's in the public network, a /24."""
        super().__init__()
        self._public = self.bridge("br-ex")
        mappings = f"external_ids:ovn-bridge-mappings=public:{self._public}"
        run("ovs-vsctl", "set", "Open_vSwitch", ".", mappings)
        self._ovn = self.enter_context(Ovn())
        wait_for_bridge()
        self.change(*_ROUTER.format(address=address).splitlines())

    def change(self, *lines: str) -> None:
        """Commands of ovn-nbctl, one transaction each."""
        for line in lines:
            self._ovn.change(shlex.split(line))

    def machine(self, number: int, address: str) -> Namespace:
        """A host at the port `port<number>` of the inside."""
        mac, host = f"0a:00:00:00:00:1{number}", self.host(f"ovn-vm{number}")
        host.plug("br-int", "eth0", f"{address}/24", f"external_ids:iface-id=port{number}")
        host.cmd(f"ip link set eth0 address {mac}; ip route add default via 10.1.1.1")
        self.change(f"lsp-add inside port{number}", f"lsp-set-addresses port{number} '{mac} {address}'")
        return host

    def outside(self, address: str) -> Namespace:
        """A host in the public network, a /24."""
        host = self.host("ovn-net")
        host.plug(self._public, "eth0", f"{address}/24")
        return host

    def settle(self) -> None:
        """Until the host holds everything."""
        self._ovn.change(["sync"], wait="hv")
