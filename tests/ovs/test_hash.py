"""Open vSwitch and the simulator take the same hash of a source address."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest

from sdn_orch.dataplane.hashing import hash_address
from sdn_orch.openflow.text import flow_to_ofctl
from sdn_orch.openflow.values import Flow, HashSource, Match, Output
from tests.ovs.bridges import bridge, run

pytestmark = pytest.mark.ovs


@pytest.mark.parametrize("version", [4, 6])
def test_the_same_hash_of_an_address(version: int) -> None:
    random = Random(5)
    bits = 32 if version == 4 else 128
    addresses = [0, (1 << bits) - 1, 0xCB007101, *(random.getrandbits(bits) for _ in range(20))]
    eth_type = 0x0800 if version == 4 else 0x86DD
    hashing = Flow(0, 1, Match.of(eth_type=eth_type), (HashSource("reg3", 16), Output(1)))
    with bridge() as made:
        made.ofctl("add-flow", flow_to_ofctl(hashing))
        for address in addresses:
            packet = (
                f"tcp,nw_src={IPv4Address(address)}"
                if version == 4
                else f"tcp6,ipv6_src={IPv6Address(address)}"
            )
            said = run("ovs-appctl", "ofproto/trace", made.name, f"in_port=2,{packet}")
            found = re.search(r"Final flow: .*\breg3=(0x[0-9a-f]+)", said)
            assert int(found[1] if found else "0", 16) == hash_address(address, version) & 0xFFFF, said
