"""Bindings, on a real ovsdb-server that comes, goes and comes back."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdn_orch.endpoint import MutualTls
from sdn_orch.southbound.bindings import Binding
from sdn_orch.southbound.bridges import Bridge, Watch, unwatching, watching
from sdn_orch.southbound.ovsdb import Database, use_tls
from tests.ovs.authority import Authority
from tests.ovs.private import OpenVSwitch, open_vswitch
from tests.southbound import wait_until

pytestmark = pytest.mark.ovs

BRIDGE = "dbtest"


class Heard:
    """What a database told, in order."""

    def __init__(self) -> None:
        self.changes: list[tuple[Binding | None, Binding | None]] = []
        self.synchronised = 0
        self.lost = 0

    def changed(self, before: Binding | None, after: Binding | None) -> None:
        self.changes.append((before, after))

    def complete(self) -> None:
        self.synchronised += 1

    def gone(self) -> None:
        self.lost += 1

    def take(self, count: int) -> list[tuple[Binding | None, Binding | None]]:
        """The next changes, exactly so many."""
        wait_until(lambda: len(self.changes) >= count)
        taken, self.changes = self.changes, []
        assert len(taken) == count, taken
        return taken


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[OpenVSwitch]:
    with open_vswitch(tmp_path) as made:
        yield made


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def database(switch: OpenVSwitch, heard: Heard) -> Iterator[Database]:
    opened = Database(switch.remote, heard.changed, heard.complete, lost=heard.gone)
    opened.start()
    wait_until(lambda: heard.synchronised == 1)
    yield opened
    opened.stop()


def add_port(switch: OpenVSwitch, name: str, number: int, *columns: str) -> None:
    settings = ("type=internal", f"ofport_request={number}", *columns)
    switch.vsctl("add-port", BRIDGE, name, "--", "set", "interface", name, *settings)


def test_bindings_appear_change_and_disappear(switch: OpenVSwitch, database: Database, heard: Heard) -> None:
    dpid = switch.add_bridge(BRIDGE)
    add_port(switch, "db1", 4, "external_ids:iface-id=nic-1", 'external_ids:attached-mac="02:AA:00:00:00:01"')
    first = Binding(dpid, 4, "nic-1", "02:aa:00:00:00:01", "db1")
    assert heard.take(1) == [(None, first)]
    switch.vsctl("set", "interface", "db1", "external_ids:iface-id=nic-2")
    second = Binding(dpid, 4, "nic-2", "02:aa:00:00:00:01", "db1")
    assert heard.take(1) == [(first, second)]
    switch.vsctl("set", "interface", "db1", "external_ids:unrelated=1")
    switch.vsctl("del-port", "db1")
    assert heard.take(1) == [(second, None)]


def test_a_port_nobody_claims_is_no_binding(switch: OpenVSwitch, database: Database, heard: Heard) -> None:
    dpid = switch.add_bridge(BRIDGE)
    add_port(switch, "db1", 4)
    switch.vsctl("set", "interface", "db1", "external_ids:iface-id=nic-1")
    assert heard.take(1) == [(None, Binding(dpid, 4, "nic-1", "", "db1"))]
    switch.vsctl("remove", "interface", "db1", "external_ids", "iface-id")
    assert heard.take(1) == [(Binding(dpid, 4, "nic-1", "", "db1"), None)]


def test_a_port_without_a_number_yet_is_waited_for(
    switch: OpenVSwitch, database: Database, heard: Heard
) -> None:
    dpid = switch.add_bridge(BRIDGE)
    switch.stop("ovs-vswitchd")
    arguments = ("add-port", BRIDGE, "db1", "--", "set", "interface", "db1", "type=internal")
    switch.vsctl("--no-wait", *arguments, "ofport_request=9", "external_ids:iface-id=nic-1")
    # A device that does not exist gets the number -1.
    switch.vsctl(
        "--no-wait",
        "add-port",
        BRIDGE,
        "db-absent",
        "--",
        "set",
        "interface",
        "db-absent",
        "external_ids:iface-id=nic-2",
    )
    wait_until(lambda: "nic-2" in switch.vsctl("get", "interface", "db-absent", "external_ids"))
    assert heard.changes == []
    switch.start_switch()
    assert heard.take(1) == [(None, Binding(dpid, 9, "nic-1", "", "db1"))]
    wait_until(lambda: switch.vsctl("get", "interface", "db-absent", "ofport") == "-1")
    assert heard.changes == []


def test_bindings_of_a_bridge_go_with_it(switch: OpenVSwitch, database: Database, heard: Heard) -> None:
    switch.add_bridge(BRIDGE)
    for number in (1, 2, 3):
        add_port(switch, f"db{number}", number, f"external_ids:iface-id=nic-{number}")
    appeared = heard.take(3)
    switch.vsctl("del-br", BRIDGE)
    gone = heard.take(3)
    assert {before for before, _ in gone} == {after for _, after in appeared}
    assert all(after is None for _, after in gone)


def test_another_datapath_id_moves_the_bindings(
    switch: OpenVSwitch, database: Database, heard: Heard
) -> None:
    dpid = switch.add_bridge(BRIDGE)
    add_port(switch, "db1", 1, "external_ids:iface-id=nic-1")
    heard.take(1)
    switch.vsctl("set", "bridge", BRIDGE, "other_config:datapath-id=00000000000000ab")
    assert heard.take(1) == [
        (Binding(dpid, 1, "nic-1", "", "db1"), Binding(0xAB, 1, "nic-1", "", "db1")),
    ]


def test_a_port_is_told_to_watch_its_cable_and_not_to(switch: OpenVSwitch, heard: Heard) -> None:
    told: list[tuple[Bridge, ...]] = []
    database = Database(switch.remote, heard.changed, heard.complete, told.append)
    database.start()
    dpid = switch.add_bridge(BRIDGE)
    add_port(switch, "db1", 1)
    add_port(switch, "db2", 2, "bfd:enable=true", "external_ids:iface-id=nic-2")
    others = frozenset({Watch(2, "")})
    wait_until(lambda: told and [bridge.watches for bridge in told[-1]] == [others])
    (bridge,) = told[-1]
    assert (bridge.dpid, bridge.name, bridge.is_open) == (dpid, BRIDGE, False)
    database.write(watching(bridge, 1, "a cable"))
    wait_until(lambda: told[-1][0].watches == others | {Watch(1, "a cable")})
    assert "min_rx" in switch.vsctl("get", "interface", "db1", "bfd")
    database.write(unwatching(bridge, 1))
    wait_until(lambda: told[-1][0].watches == others)
    assert switch.vsctl("get", "interface", "db1", "bfd") == "{}"
    assert switch.vsctl("get", "interface", "db1", "external_ids") == "{}"
    database.write(watching(bridge, 2, "a cable"))
    wait_until(lambda: told[-1][0].watches == {Watch(2, "a cable")})
    # A port that is gone by then is left out.
    database.write(watching(bridge, 7, "a cable"))
    switch.vsctl("del-port", "db2")
    wait_until(lambda: told[-1][0].watches == frozenset())
    database.stop()


def test_it_follows_the_server_through_a_restart(
    switch: OpenVSwitch, database: Database, heard: Heard
) -> None:
    dpid = switch.add_bridge(BRIDGE)
    add_port(switch, "db1", 1, "external_ids:iface-id=nic-1")
    add_port(switch, "db2", 2, "external_ids:iface-id=nic-2")
    heard.take(2)
    assert heard.lost == 0
    switch.stop("ovsdb-server", signal.SIGKILL)
    wait_until(lambda: heard.lost == 1, 20)
    switch.start_database()
    wait_until(lambda: heard.synchronised == 2, 20)
    # What was known stays: nothing is removed while nobody can say so.
    assert heard.changes == []
    switch.vsctl("del-port", "db2")
    assert heard.take(1) == [(Binding(dpid, 2, "nic-2", "", "db2"), None)]


def test_what_vanished_while_the_server_was_away_is_told(
    switch: OpenVSwitch, database: Database, heard: Heard, tmp_path: Path
) -> None:
    switch.add_bridge(BRIDGE)
    before = (tmp_path / "conf.db").read_bytes()
    add_port(switch, "db1", 1, "external_ids:iface-id=nic-1")
    ((_, binding),) = heard.take(1)
    switch.stop("ovs-vswitchd")
    switch.stop("ovsdb-server")
    (tmp_path / "conf.db").write_bytes(before)
    switch.start_database()
    assert heard.take(1) == [(binding, None)]
    switch.start_switch()


def test_a_server_that_is_not_there_yet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    heard = Heard()
    database = Database(f"unix:{tmp_path}/db.sock", heard.changed, heard.complete)
    database.start()
    wait_until(lambda: "trying on" in caplog.text)
    with open_vswitch(tmp_path) as switch:
        wait_until(lambda: heard.synchronised == 1, 20)
        switch.add_bridge(BRIDGE)
        add_port(switch, "db1", 1, "external_ids:iface-id=nic-1")
        heard.take(1)
        database.stop()
    assert caplog.text.count("trying on") == 1


def test_two_databases_do_not_mix(tmp_path: Path) -> None:
    one, two = Heard(), Heard()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with open_vswitch(tmp_path / "one") as first, open_vswitch(tmp_path / "two") as second:
        databases = [
            Database(first.remote, one.changed, one.complete),
            Database(second.remote, two.changed, two.complete),
        ]
        for database in databases:
            database.start()
        wait_until(lambda: one.synchronised == two.synchronised == 1)
        first.add_bridge("dbone")
        first.vsctl(
            "add-port",
            "dbone",
            "db1",
            "--",
            "set",
            "interface",
            "db1",
            "type=internal",
            "external_ids:iface-id=nic-1",
        )
        one.take(1)
        for database in databases:
            database.stop()
        assert two.changes == []


def test_a_handler_that_raises_is_logged(switch: OpenVSwitch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(before: Binding | None, after: Binding | None) -> None:
        raise RuntimeError("in the handler")

    database = Database(switch.remote, fail)
    database.start()
    switch.add_bridge(BRIDGE)
    for number in (1, 2):
        add_port(switch, f"db{number}", number, f"external_ids:iface-id=nic-{number}")
    wait_until(lambda: caplog.text.count("RuntimeError: in the handler") == 2)
    database.stop()


def test_stopping_leaves_no_thread(switch: OpenVSwitch, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    heard = Heard()
    for remote in (switch.remote, f"unix:{tmp_path}/absent.sock"):
        database = Database(remote, heard.changed, heard.complete)
        database.start()
        if remote == switch.remote:
            wait_until(lambda: heard.synchronised == 1)
        database.stop()
    wait_until(lambda: set(threading.enumerate()) <= before)


def test_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ours")
    server, client = authority.identity("server"), authority.identity("client")
    switch = OpenVSwitch(tmp_path)
    use_tls(MutualTls(client.certificate, client.key, authority.certificate))
    heard = Heard()
    try:
        switch.start_database(
            "pssl:0:127.0.0.1",
            options=(
                f"--private-key={server.key}",
                f"--certificate={server.certificate}",
                f"--ca-cert={authority.certificate}",
            ),
        )
        database = Database(f"ssl:127.0.0.1:{switch.listening_port()}", heard.changed, heard.complete)
        database.start()
        wait_until(lambda: heard.synchronised == 1)
        database.stop()
    finally:
        switch.stop_all()
