"""Switches that know nothing but OpenFlow 1.3: what they are sent, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.e2e.fabrics import PLAIN, Placed, on
from tests.e2e.ping import ask, reach
from topologies.demo.tenants import TIER

pytestmark = [pytest.mark.mininet, on(PLAIN)]

#: Everything that OpenFlow 1.3.5 has and we may send, as ovs-ofctl writes it.
ACTION = re.compile(
    r"output:\d+|IN_PORT|CONTROLLER:\d+|group:\d+|meter:\d+|goto_table:\d+|dec_ttl|pop_vlan|push_vlan:0x8100|drop"
    r"|write_metadata:0x[0-9a-f]+/0x[0-9a-f]+|set_field:[0-9a-f:]+->(eth_src|eth_dst|vlan_vid)"
)
EXTENSION = re.compile(
    r"\b(reg\d+|xreg\d+|xxreg\d+|tun_\w+|ct_\w+|nw_ttl|pkt_mark|nd_options_type|nd_reserved)="
)


def dump(placed: Placed, switch: str, what: str) -> list[str]:
    """The lines of one dump of a switch, in OpenFlow 1.3."""
    bridge = placed.cloud.node(switch).name
    command = ["ovs-ofctl", "-O", "OpenFlow13", what, bridge]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[1:]


def test_switches_are_sent_nothing_but_openflow_13(placed: Placed) -> None:
    names: set[str] = set()
    for switch in placed.cloud.switches():
        flows, groups = dump(placed, switch, "dump-flows"), dump(placed, switch, "dump-groups")
        actions = [flow.rpartition(" actions=")[2] for flow in flows]
        actions += [bucket for group in groups for bucket in group.split("actions=")[1:]]
        for each in actions:
            for action in re.sub(r",bucket=.*$", "", each).split(","):
                assert ACTION.fullmatch(action), (switch, action)
                names.add(re.split("[:(]", action)[0])
        assert not [flow for flow in flows if EXTENSION.search(flow.rpartition(" actions=")[0])]
        assert not [group for group in groups if "selection_method" in group]
    assert names >= {"output", "group", "goto_table", "set_field", "dec_ttl", "meter", "write_metadata"}


def rows(placed: Placed, path: str, *keys: str) -> dict[str, Any]:
    """Rows of the operator's door by their names."""
    controller = placed.cloud.controller
    answer: Any = controller.ask(path) if keys else controller.ask_all(path)
    for key in keys:
        answer = answer[key]
    return {row["name"]: row for row in answer}


def test_what_plain_switches_cannot_do_is_told(placed: Placed) -> None:
    leaf = rows(placed, "/v1/status", "switches")["leaf1"]
    assert leaf["capabilities"]["open_vswitch"] is False and leaf["capabilities"]["version"] == 4
    assert any("detours around dead links" in reason for reason in leaf["refusals"])
    red = rows(placed, "/v1/networks")["red-net"]
    assert red["condition"] == "refused"
    assert {refusal["switch"] for refusal in red["refusals"]} == {"leaf1", "leaf2", "leaf3"}
    assert "IP multicast from other switches" in red["refusals"][0]["reason"]
    done = placed.cloud.controller.command("status")
    assert "detours around dead links" in " ".join(done.stdout.split()), done.stdout


def test_the_route_into_a_narrower_tier_is_refused_and_told(placed: Placed) -> None:
    made = placed.cloudstack
    blue = next(tenant for tenant in placed.tenants if tenant.name == "blue")
    (vpc,) = blue.call.listVPCs()["vpc"]
    narrow = made.network(
        blue, "narrow", TIER, "10.20.3.1", "2001:db8:13::/64", vpcid=vpc["id"], privatemtu=1300
    )
    host = placed.free[0]
    machine = made.machine(blue, host, "narrow1", ("narrow", narrow), "shop")
    try:
        placed.cloud.plug([(host, machine.nic_id, machine.mac)])
        placed.cloud.wait_realised([machine.nic_id])
        told = rows(placed, "/v1/networks")["narrow"]
        assert told["condition"] == "refused"
        assert any("routes into network narrow" in refusal["reason"] for refusal in told["refusals"])
        client = placed.cloud.lease4(host)
        client.communicate(timeout=30)
        assert machine.ipv4 in placed.cloud.addresses(host)
        assert " 0 received" in ask(placed.node("web1"), machine.ipv4)
        # Its own gateway and the other tiers are as before.
        assert " 3 received" in reach(placed.cloud.node(host), "10.20.3.1")
        assert " 3 received" in reach(placed.node("web1"), placed.machines["data1"].ipv4)
    finally:
        placed.cloud.unplug(host)
        placed.cloud.node(host).cmd(
            f"ip address flush dev {placed.cloud.node(host).defaultIntf()} scope global"
        )
        virtual = blue.call.listVirtualMachines(name="narrow1")["virtualmachine"][0]["id"]
        blue.call.destroyVirtualMachine(id=virtual, expunge=True)
        blue.call.deleteNetwork(id=narrow)
    assert json.dumps(rows(placed, "/v1/networks")).count("narrow") == 0
