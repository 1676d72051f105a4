"""Hosts that sdn-orch has prepared itself: their machines reach each other through VXLAN."""

from __future__ import annotations

from functools import partial

import pytest

from tests.e2e.ping import ask, reach
from tests.extension import run
from tests.management_server import ManagementServer, Net, Vm
from topologies.demo.machines import Machine, bring_up
from topologies.hypervisors import TUNNEL_PORT, Hypervisors
from topologies.separate import SeparateCloud

pytestmark = pytest.mark.mininet


def test_machines_on_prepared_hosts_reach_each_other() -> None:
    with SeparateCloud(partial(Hypervisors, hypervisors=2, hosts=1)) as cloud:
        cloud.start()
        made = cloud.controller.command("token", "create", "cloudstack", "--scope", "operate")
        details = {"url": f"http://127.0.0.1:{cloud.controller.api_port}", "password": made.stdout.strip()}
        manager = ManagementServer(partial(run, cloud.directory), details)
        net = Net(209, "10.1.1.0/24", vlan="5001")
        vms = [Vm(700 + n, f"h{n}", f"02:01:00:d1:00:0{n}", f"10.1.1.1{n}") for n in (1, 2)]
        for vm in vms:
            manager.start(net, vm)
        bring_up(cloud, [Machine(vm.name, vm.name, "", "", "", vm.uuid, vm.mac, vm.ip, None) for vm in vms])
        assert " 3 received" in reach(cloud.node("h1"), vms[1].ip)

        # One of the hosts as it is without us: open, without controller and tunnel.
        host = cloud.node("kvm1")
        host.vsctl("del-port", "vxlan0", "--", "del-controller", "br-int", "--", "del-fail-mode", "br-int")
        host.vsctl("remove", "bridge", "br-int", "other_config", "datapath-id")
        assert " 0 received" in ask(cloud.node("h1"), vms[1].ip)
        words = ("host", "prepare", "kvm1", "--db", host.database, "--datapath", "netdev")
        shown = cloud.controller.command(*words, "--print").stdout
        assert "--may-exist add-br br-int" in shown and f"ofport_request={TUNNEL_PORT}" in shown
        done = cloud.controller.command(*words)
        assert done.returncode == 0, done.stderr
        cloud.controller.wait(cloud.in_sync, "the host to be in sync", 30)
        assert " 3 received" in reach(cloud.node("h1"), vms[1].ip)
        assert host.vsctl("get", "bridge", "br-int", "fail_mode").strip() == "secure"

        before = host.vsctl("--columns=_uuid", "list", "controller")
        assert cloud.controller.command(*words).returncode == 0
        after = host.vsctl("--columns=_uuid", "list", "controller")
        assert before == after, "the controller is not left for a moment"
        wrong = cloud.controller.command("host", "prepare", "nobody")
        assert wrong.returncode == 2 and "nobody is not under [[switches]]" in wrong.stderr
