"""The operator's door over a running reconciler and switches in memory, as the command line sees it."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sdn_orch.cli import app
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.intent.model import Account, Arrival, Link, Machine, Network, Nic, Switch
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.northbound.listening import listen_unix
from sdn_orch.northbound.operator.door import application
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.base import Datapath, PacketIn, Port
from sdn_orch.southbound.fake import OPEN_VSWITCH, FakeSwitch
from sdn_orch.store.memory import MemoryStore
from sdn_orch.store.transact import transact
from tests.unit.dataplane import worlds

DPIDS = {"spine1": 0x101, "spine2": 0x102, "leaf1": 0x201, "leaf2": 0x202}


@dataclass
class Cloud:
    """Two leaves under two spines; red has a NIC on each leaf, blue one, and one of red is nowhere."""

    store: MemoryStore
    reconciler: Reconciler
    switches: dict[str, FakeSwitch]
    config: Path

    def run(self, *words: str) -> Result:
        """Run sdn-orch for this cloud."""
        return CliRunner().invoke(app, [*words, "--config", str(self.config)])

    def json(self, *words: str) -> Any:
        """Its answer as JSON."""
        result = self.run(*words, "--json")
        assert not result.stderr
        return json.loads(result.stdout)


class Attaching:
    """Hands sessions to the reconciler."""

    def __init__(self, reconciler: Reconciler, revision: int) -> None:
        self.reconciler, self.revision = reconciler, revision

    def _id(self, datapath: Datapath) -> str:
        return next(name for name, dpid in DPIDS.items() if dpid == datapath.dpid)

    def connected(self, datapath: Datapath) -> None:
        self.reconciler.attach(self._id(datapath), datapath, self.revision)

    def disconnected(self, datapath: Datapath) -> None:
        self.reconciler.detach(self._id(datapath), datapath)

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None: ...

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None: ...


def records() -> Snapshot:
    red, blue = worlds.network("red", 1), worlds.network("blue", 1)
    nics = [worlds.nic(red, 10), worlds.nic(red, 11), worlds.nic(blue, 10), worlds.nic(red, 12)]
    return Snapshot.of(
        *worlds.leaf_spine(2, 2, OPEN_VSWITCH),
        *worlds.tenant(),
        Machine(id="m1", account_id="tenant", name="web1"),
        red,
        blue,
        replace(nics[0], machine_id="m1"),
        *nics[1:],
        worlds.attach("red-10", "leaf1", 11),
        worlds.attach("red-11", "leaf2", 11),
        worlds.attach("blue-10", "leaf2", 12, vlan=7),
    )


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("COLUMNS", "300")
    store = MemoryStore(records())
    reconciler = Reconciler(store, audit_interval=0, keep_foreign=False)
    reconciler.start()
    door = Server(application(reconciler, Service(store)), listen_unix(tmp_path / "sdn-orch.sock"))
    door.start()
    switches = {name: FakeSwitch(dpid) for name, dpid in DPIDS.items()}
    listener = Attaching(reconciler, store.snapshot().revision)
    for switch in switches.values():
        switch.connect(listener)
    wait(lambda: all(reconciler.switch_status(name).phase == "in-sync" for name in DPIDS))
    config = tmp_path / "sdn-orch.toml"
    config.write_text(f'run_directory = "{tmp_path}"\n')
    yield Cloud(store, reconciler, switches, config)
    door.stop()
    reconciler.stop()
    store.close()


def test_only_the_daemon_s_user_may_ask(cloud: Cloud) -> None:
    path = cloud.config.parent / "sdn-orch.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_status(cloud: Cloud) -> None:
    answer = cloud.json("status")
    assert answer["objects"] == {
        "account": 1, "network": 2, "vpc": 0, "nic": 4, "machine": 1, "attachment": 3, "arrival": 0,
        "switch": 4, "link": 4,
    }  # fmt: skip
    switches = {switch["name"]: switch for switch in answer["switches"]}
    assert set(switches) == set(DPIDS)
    assert switches["leaf1"]["flows"] == len(cloud.switches["leaf1"].state.flows) > 0
    shown = cloud.run("status").stdout
    assert "4 nic" in shown and shown.count("in-sync") == 4
    cloud.switches["leaf2"].disconnect()
    wait(lambda: "disconnected" in cloud.run("status").stdout)


def test_where_a_nic_is_awaited_while_its_machine_migrates(cloud: Cloud) -> None:
    def shown() -> tuple[str | None, bool]:
        (row,) = (row for row in cloud.json("ports") if row["id"] == "red-10")
        assert row["place"] == "leaf1:11"
        return row["awaited"], row["prepared"]

    arrival = Arrival(id="arrival", nic_id="red-10", switch_id="leaf2", port=20)
    transact(cloud.store, lambda _snapshot: [Put(arrival)])
    wait(lambda: shown() == ("leaf2:20", True))
    assert "leaf1:11, comes to leaf2:20" in cloud.run("ports").stdout
    assert "1 arrival" in cloud.run("status").stdout
    # It has left there: whether it comes back after all is only listened for.
    transact(cloud.store, lambda known: [Put(replace(known.need(Arrival, "arrival"), admitted=False))])
    wait(lambda: shown() == ("leaf2:20", False))
    assert "leaf1:11, listened for at leaf2:20" in cloud.run("ports").stdout


def test_networks_and_ports(cloud: Cloud) -> None:
    rows = {row["name"]: row for row in cloud.json("networks")}
    assert (rows["red"]["nics"], rows["red"]["condition"], rows["red"]["gateway4"]) == (
        3,
        "realised",
        "10.1.0.1",
    )
    assert sorted(rows["red"]["realised"]) == ["leaf1", "leaf2"]
    ports = {row["id"]: row for row in cloud.json("ports")}
    assert (ports["red-10"]["place"], ports["red-10"]["machine"]) == ("leaf1:11", "web1")
    assert ports["blue-10"]["place"] == "leaf2:12,7"
    assert (ports["red-12"]["place"], ports["red-12"]["condition"]) == (None, "idle")
    assert (ports["red-10"]["awaited"], ports["red-10"]["prepared"]) == (None, False)
    assert "not attached" in cloud.run("ports").stdout
    cloud.switches["leaf2"].disconnect()
    wait(lambda: {row["id"]: row for row in cloud.json("ports")}["blue-10"]["condition"] == "pending")
    assert "waiting for leaf2" in cloud.run("networks").stdout


def test_topology(cloud: Cloud) -> None:
    link = cloud.store.snapshot().need(Link, "1-2")
    cloud.store.commit([Put(replace(link, up=False))], cloud.store.snapshot().revision)
    wait(lambda: "down" in cloud.run("topology").stdout)
    answer = cloud.json("topology")
    assert {(row["a"], row["b"]) for row in answer["links"] if not row["up"]} == {("leaf1:2", "spine2:1")}
    shown = cloud.run("topology").stdout
    assert "leaf1  edge, dpid 0000000000000201" in shown and "11: web1 06:00:00:00:00:0a  red" in shown
    assert cloud.run("topology", "--dot").stdout.count(" -- ") == 4 + 3


def test_flows_have_owners_and_counters_and_say_what_is_not_right(cloud: Cloud) -> None:
    answer = cloud.json("flows", "leaf1")
    state = cloud.switches["leaf1"].state
    assert len(answer["flows"]) == len(state.flows)
    assert {row["state"] for row in answer["flows"]} == {"right"}
    assert all(row["owner"] for row in answer["flows"])
    owners = {row["owner"] for row in answer["flows"]}
    assert {"nic 06:00:00:00:00:0a of web1", "network red", "switch leaf2", "switch spine1"} & owners
    assert len(answer["groups"]) == len(state.groups) and len(answer["meters"]) == len(state.meters)
    taken = next(key for key, entry in state.flows.items() if entry.table == Table.SOURCE)
    del state.flows[taken]
    rows = cloud.json("flows", "0x201")["flows"]
    assert [row["table_name"] for row in rows if row["state"] == "missing"] == ["source"]
    shown = cloud.run("flows", "leaf1", "--table", "source").stdout
    assert "missing" in shown and "2 source" in shown and "classify" not in shown
    assert cloud.run("flows", "leaf9").stderr == "sdn-orch: there is no switch leaf9\n"


def test_plan_says_what_would_be_sent_and_sends_nothing(cloud: Cloud) -> None:
    assert [row["operations"] for row in cloud.json("plan")] == [[], [], [], []]
    leaf = cloud.switches["leaf1"]
    leaf.state.flows.pop(next(iter(leaf.state.flows)))
    before, sent = len(leaf.state.flows), len(leaf.operations)
    rows = {row["switch"]: row["operations"] for row in cloud.json("plan")}
    assert [operation["verb"] for operation in rows["leaf1"]] == ["add"] and not rows["leaf2"]
    assert (len(leaf.state.flows), len(leaf.operations)) == (before, sent)
    assert "leaf1 1 changes" in cloud.run("plan").stdout
    leaf.disconnect()
    wait(lambda: {row["switch"]: row["connected"] for row in cloud.json("plan")}["leaf1"] is False)


def test_explain_leads_from_a_cookie_to_its_owner_and_back(cloud: Cloud) -> None:
    rows = [row for row in cloud.json("flows", "leaf1")["flows"] if "web1" in row["owner"]]
    found = cloud.json("explain", rows[0]["cookie"])["flows"]
    assert ("leaf1", rows[0]["match"], rows[0]["owner"]) in [
        (row["switch"], row["match"], row["owner"]) for row in found
    ]
    for name in ("web1", "red-10"):
        answer = cloud.json("explain", name)
        assert (answer["kind"], answer["place"]) == ("nic", "leaf1:11")
        cookies = {flow["cookie"] for rule in answer["rules"] for flow in rule["flows"]}
        assert {row["cookie"] for row in rows} <= cookies
    assert cloud.run("explain", "06:00:00:00:00:0A").stderr == (
        "sdn-orch: 2 fit 06:00:00:00:00:0A; give the UUID of the NIC, network, VPC or switch\n"
    )
    shown = cloud.run("explain", "red").stdout
    assert shown.startswith("network red  realised") and "10.1.0.0/16" in shown
    assert cloud.run("explain", "0xdead").stderr.startswith("sdn-orch: there is no ")
    assert cloud.run("explain", "nobody").exit_code == 1


def test_explain_tells_what_is_at_a_port(cloud: Cloud) -> None:
    answer = cloud.json("explain", "leaf1:11")
    assert (answer["port"], answer["leads_to"], answer["learns"]) == ("leaf1:11", [], False)
    assert answer["nics"] == [cloud.json("explain", "web1")]
    on_trunk = cloud.json("explain", "leaf2:12")
    assert on_trunk["nics"] == cloud.json("explain", "0x202:12,7")["nics"] != []
    assert cloud.json("explain", "leaf2:12,8")["nics"] == []
    assert cloud.json("explain", "leaf1:2")["leads_to"] == ["spine2:1"]
    assert "nic 06:00:00:00:00:0a of web1  realised" in cloud.run("explain", "leaf1:11").stdout
    assert "port leaf1:2  a cable to spine2:1" in cloud.run("explain", "leaf1:2").stdout
    assert "nothing is attached here" in cloud.run("explain", "leaf1:40").stdout
    assert "there is no " in cloud.run("explain", "leaf9:1").stderr


def test_trace_follows_a_packet_to_its_receiver(cloud: Cloud) -> None:
    answer = cloud.json("trace", "--from", "web1", "--to", "10.1.0.11")
    assert answer["verdict"] == "delivered"
    assert answer["reason"] == "at leaf2:11: nic 06:00:00:00:00:0b"
    assert (answer["meant"], answer["meant_reason"]) == ("delivered", "nic 06:00:00:00:00:0b")
    path = [hop["switch"] for hop in answer["hops"]]
    assert (path[0], path[-1], len(path)) == ("leaf1", "leaf2", 3)
    steps = [step for hop in answer["hops"] for step in hop["steps"]]
    assert all(step["owner"] for step in steps if "table" in step)
    shown = cloud.run("trace", "--from", "web1", "--to", "2001:db8:1::b", "--tcp", "80")
    assert shown.exit_code == 0 and "delivered at leaf2:11" in shown.stdout


def test_trace_says_why_a_packet_is_not_delivered(cloud: Cloud) -> None:
    result = cloud.run("trace", "--from", "web1", "--to", "192.0.2.1")
    assert result.exit_code == 1
    assert "dropped leaf1, table route" in result.stdout
    assert "the router has no network with this address" in result.stdout
    assert cloud.json("trace", "--from", "web1", "--to", "10.1.0.1")["verdict"] == "answered"
    for words, why in {
        ("web1", "10.1.0.77"): "nobody in network red has 10.1.0.77",
        ("web1", "example"): "to: example is no IP address",
        ("red-12", "10.1.0.11"): "is not attached to a switch port",
        ("web9", "10.1.0.11"): "there is no NIC web9",
    }.items():
        assert why in cloud.run("trace", "--from", words[0], "--to", words[1]).stderr
    both = cloud.run("trace", "--from", "web1", "--to", "10.1.0.11", "--tcp=1", "--udp=1")
    assert "either --tcp or --udp" in both.stderr


def test_trace_takes_what_the_switch_holds_not_what_it_should(cloud: Cloud) -> None:
    state = cloud.switches["leaf2"].state
    for key in [key for key, entry in state.flows.items() if entry.table == Table.DELIVER]:
        del state.flows[key]
    assert cloud.json("trace", "--from", "web1", "--to", "10.1.0.11")["verdict"] == "dropped"


def test_names_and_mac_addresses_are_shown_as_they_are(cloud: Cloud) -> None:
    mac, name, home = "02:ab:93:c0:39:0e", "[red]x", "[/]:ab:"
    snapshot = cloud.store.snapshot()
    network = replace(snapshot.need(Network, "blue"), name=home)
    account = replace(snapshot.need(Account, "tenant"), name="[bold]t")
    machine = Machine(id="m2", account_id="tenant", name=name)
    nic = replace(snapshot.need(Nic, "blue-10"), mac=mac, machine_id="m2")
    spine = replace(snapshot.need(Switch, "spine1"), name="[s]:ab:")
    changes = [Put(record) for record in (network, account, machine, nic, spine)]
    cloud.store.commit(changes, snapshot.revision)
    wait(lambda: {row["mac"]: row for row in cloud.json("ports")}[mac]["condition"] == "realised")
    cookie = next(row["cookie"] for row in cloud.json("flows", "leaf2")["flows"] if mac in row["match"])
    for words, wanted in (
        (("ports",), (mac, name, home, "[bold]t")),
        (("status",), (spine.name,)),
        (("networks",), (home, "[bold]t")),
        (("topology",), (f"{name} {mac}", home, spine.name)),
        (("flows", "leaf2"), (f"eth_src={mac}", f"nic {mac} of {name}", f"network {home}")),
        (("explain", name), (f"nic {mac} of {name}", f"eth_src={mac}")),
        (("explain", home), (f"network {home}",)),
        (("explain", "leaf2:12"), (f"nic {mac} of {name}",)),
        (("explain", cookie), (mac,)),
        (("trace", "--from", name, "--to", "10.1.0.1"), (f"eth_src={mac}", f"nic {mac} of {name}")),
    ):
        shown = cloud.run(*words).stdout
        for text in wanted:
            assert text in shown, (words, text)
    held = cloud.switches["leaf2"].state.flows
    held.pop(next(key for key, entry in held.items() if mac.replace(":", "") in entry.match.hex()))
    assert mac in cloud.run("plan").stdout
    assert cloud.run("explain", "[red]y").stderr.startswith("sdn-orch: there is no ")
    assert "[red]y" in cloud.run("explain", "[red]y").stderr


def test_a_nic_that_is_stopped_has_no_rules(cloud: Cloud) -> None:
    nic = cloud.store.snapshot().need(Nic, "red-11")
    cloud.store.commit([Put(replace(nic, active=False))], cloud.store.snapshot().revision)
    wait(lambda: {row["id"]: row for row in cloud.json("ports")}["red-11"]["condition"] == "idle")
    assert cloud.json("trace", "--from", "web1", "--to", "10.1.0.11")["verdict"] == "dropped"
