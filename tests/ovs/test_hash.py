"""Open vSwitch and the simulator take the same hash of a source address."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from random import Random

import pytest

from sdn_orch.dataplane.hashing import hash_address
from sdn_orch.openflow.text import flow_to_ofctl
from sdn_orch.openflow.values import Flow, HashSource, Match, Output
from tests.ovs.bridges import bridge, run

pytestmark = pytest.mark.ovs


def test_the_same_hash_of_an_address() -> None:
    random = Random(5)
    addresses = [0, 0xFFFFFFFF, 0xCB007101, *(random.getrandbits(32) for _ in range(20))]
    hashing = Flow(0, 1, Match.of(eth_type=0x0800), (HashSource("reg3", 16), Output(1)))
    with bridge() as made:
        made.ofctl("add-flow", flow_to_ofctl(hashing))
        for address in addresses:
            packet = f"in_port=2,tcp,nw_src={IPv4Address(address)}"
            said = run("ovs-appctl", "ofproto/trace", made.name, packet)
            found = re.search(r"Final flow: .*\breg3=(0x[0-9a-f]+)", said)
            assert int(found[1] if found else "0", 16) == hash_address(address) & 0xFFFF, said
