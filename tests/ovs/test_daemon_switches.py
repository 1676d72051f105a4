"""The daemon and switches that lose their rules, are changed by hand, are strangers, or pretend."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from sdn_orch.dataplane.pipeline import Table
from tests.ovs.authority import Authority
from tests.ovs.site import Site, prepared, site

pytestmark = pytest.mark.ovs

APPLICATION = Path(__file__).parent.parent / "ryu_applications" / "learning_switch.py"
FOREIGN = "cookie=0xbad,table=5,priority=77,ip,nw_dst=192.0.2.9,actions=drop"


def test_what_was_changed_by_hand_is_repaired_and_told_with_its_owner(tmp_path: Path) -> None:
    with site(tmp_path, audit={"interval": 1.0}) as here:
        first = here.populate(4)[0]
        right = here.flows("leaf1")
        mac = f"dl_src={first.mac}"
        # Four differences: the flow that lets a NIC in, two that deliver to it, and one of somebody else.
        here.ofctl("leaf1", "del-flows", f"table=0,{mac}")
        here.ofctl("leaf1", "mod-flows", f"table={Table.DELIVER:d},dl_dst={first.mac},actions=drop")
        here.ofctl("leaf1", "add-flow", FOREIGN)
        assert here.flows("leaf1") != right
        here.controller.wait(lambda: here.flows("leaf1") == right, "the audit to repair", 10)
        here.wait_log("warning", "switch leaf1: audit repairs what differs")
        here.wait_log("add flow", "table=0,", first.mac, f"of nic {first.nic_id}")
        here.wait_log(f"table={Table.DELIVER:d},", f"of nic {first.nic_id}")
        here.wait_log("delete flow", "table=5,", "ip_dst=192.0.2.9", "which is nobody's")
        here.controller.wait(lambda: here.switches()["leaf1"]["repaired"] == 4, "it to be counted")
        time.sleep(2.5)
        assert here.switches()["leaf1"]["repaired"] == 4
        assert here.switches()["leaf2"]["repaired"] == 0


def test_a_switch_that_comes_back_empty_is_filled_again(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(4)
        right = {name: here.flows(name) for name in ("leaf1", "leaf2")}
        here.ovs.stop("ovs-vswitchd")
        here.controller.wait(lambda: set(here.phases().values()) == {"disconnected"}, "them to be missed")
        here.wait_log("warning", "session ended")
        places = {row["id"]: row["place"] for row in here.controller.ask_all("/v1/ports")}
        assert None not in places.values()
        here.ovs.start_switch()
        here.settle()
        assert {name: here.flows(name) for name in right} == right
        assert here.differences() == []
        assert {row["id"]: row["place"] for row in here.controller.ask_all("/v1/ports")} == places


def test_a_database_that_is_restarted_detaches_nobody(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(4)
        rows, sent = here.controller.ask_all("/v1/ports"), here.sent()
        here.ovs.stop("ovsdb-server")
        here.wait_log("warning", "OVSDB", "connection lost")
        time.sleep(1.0)
        assert here.controller.ask_all("/v1/ports") == rows
        here.ovs.start_database()
        here.controller.wait(lambda: here.log().count("connected, 4 bindings") == 1, "it to be read again")
        time.sleep(0.5)
        assert here.controller.ask_all("/v1/ports") == rows
        assert here.sent() == sent
        assert "is nowhere" not in here.log()
        new = here.machine(9)
        here.plug("leaf1", new)
        here.wait_realised(new)


def test_a_nic_that_is_unplugged_is_nowhere_though_another_database_is_silent(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        first, second, *_ = here.populate(4)
        here.controller.stop()
        with here.controller.configuration.open("a") as file:
            file.write('[[ovsdb]]\nendpoint = "unix:/nonexistent/db.sock"\n')
        # While we are away: what the silent database might say of this one we cannot know.
        here.ovs.vsctl("del-port", f"{here.bridges['leaf2']}-{second.name}")
        here.controller.start()
        here.settle()
        here.wait_log("OVSDB unix:/nonexistent/db.sock", "trying on")
        here.ovs.vsctl("del-port", f"{here.bridges['leaf1']}-{first.name}")
        here.wait_log(first.nic_id, "is nowhere, was at leaf1:1")
        places = {row["id"]: row["place"] for row in here.controller.ask_all("/v1/ports")}
        assert places[second.nic_id] == "leaf2:2"
        assert sum("nonexistent" in line for line in here.log().splitlines()) == 1


def test_a_switch_that_is_not_configured_is_left_as_it_is_and_told(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        here.stranger("s", 0xBAD)
        here.wait_log("warning", "switch 0000000000000bad is not configured and is left as it is")
        time.sleep(1.5)
        assert len(here.flows("s")) == 1
        assert set(here.switches()) == {"leaf1", "leaf2"} and here.in_sync()


def test_of_two_switches_with_one_datapath_id_the_first_stays(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        sent = here.sent()
        here.stranger("twin", here.dpids["leaf1"])
        here.wait_log("error", f"two switches claim datapath id {here.dpids['leaf1']:016x}", "is refused")
        time.sleep(1.5)
        assert len(here.flows("twin")) == 1
        assert here.in_sync() and here.sent() == sent
        new = here.machine(5)
        here.plug("leaf1", new)
        here.wait_realised(new)
        assert len(here.flows("twin")) == 1


def test_tls_by_the_configuration_with_two_edges_and_a_stranger(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    daemon, switch = ours.identity("controller"), ours.identity("switch")
    files = {
        "certificate": str(daemon.certificate),
        "key": str(daemon.key),
        "authority": str(ours.certificate),
    }
    with prepared(tmp_path, **{"openflow.tls": files}) as here:
        here.ovs.vsctl("set-ssl", str(switch.key), str(switch.certificate), str(ours.certificate))
        here.start("ssl")
        here.populate(4)
        assert here.differences() == []
        assert all(row["flows"] > 50 for row in here.switches().values())
        wrong = theirs.identity("switch")
        for bridge in here.bridges.values():
            here.ovs.vsctl("del-controller", bridge)
        here.controller.wait(lambda: set(here.phases().values()) == {"disconnected"}, "them to be gone")
        here.ovs.vsctl("set-ssl", str(wrong.key), str(wrong.certificate), str(ours.certificate))
        for bridge in here.bridges.values():
            here.connect(bridge, "ssl")
        here.wait_log("warning", "certificate verify failed")
        assert set(here.phases().values()) == {"disconnected"}
        here.ovs.vsctl("set-ssl", str(switch.key), str(switch.certificate), str(ours.certificate))
        here.settle()


def test_a_ryu_application_keeps_its_flows_beside_ours(tmp_path: Path) -> None:
    with prepared(tmp_path, audit={"interval": 1.0}) as here:
        here.controller.arguments = ("--app", str(APPLICATION))
        here.start()
        here.populate(2)

        def theirs(switch: str) -> list[str]:
            return [flow for flow in here.flows(switch) if re.search(r"priority=0\b.*CONTROLLER", flow)]

        here.controller.wait(lambda: theirs("leaf1") and theirs("leaf2"), "the application's flows")
        here.ofctl("leaf1", "add-flow", FOREIGN)
        right = here.flows("leaf1")
        here.ofctl("leaf1", "del-flows", f"table={Table.DELIVER:d}")
        here.controller.wait(lambda: here.flows("leaf1") == right, "ours to be repaired and theirs kept")
        assert here.switches()["leaf1"]["foreign"] >= 2
        here.controller.kill()
        here.controller.start()
        here.settle()
        time.sleep(1.5)
        assert any("cookie=0xbad" in flow for flow in here.flows("leaf1"))
        assert set(here.sent().values()) == {0}


def test_what_a_switch_refuses_is_told_and_the_daemon_goes_on(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        here.ovs.vsctl(
            "--", "--id=@t", "create", "Flow_Table", "flow_limit=3", "overflow_policy=refuse", "--",
            "set", "bridge", here.bridges["leaf1"], f"flow_tables:{Table.DELIVER:d}=@t",
        )  # fmt: skip
        new = here.machine(6)
        here.plug("leaf1", new)
        refused_nic(here, new.nic_id)
        here.wait_log("error", "switch leaf1 refused rules of", "TABLE_FULL")
        here.ovs.vsctl("clear", "bridge", here.bridges["leaf1"], "flow_tables")
        other = here.machine(8)
        here.plug("leaf2", other)
        here.wait_realised(other)


def refused_nic(here: Site, nic_id: str) -> None:
    """Until a NIC is refused somewhere."""
    here.controller.wait(
        lambda: any(
            row["id"] == nic_id and row["condition"] == "refused"
            for row in here.controller.ask_all("/v1/ports")
        ),
        "the NIC to be refused",
    )
