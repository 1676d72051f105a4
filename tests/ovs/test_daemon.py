"""The daemon as a process: how it starts, refuses to start, ends, and comes back."""

from __future__ import annotations

import random
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cs
import httpx
import pytest

from tests.ovs.site import refused, site
from topologies.controller import Controller

pytestmark = pytest.mark.ovs


def ended_in(controller: Controller, seconds: float) -> int:
    """Ask the daemon to end; its exit code."""
    process = controller._process
    assert process is not None
    process.terminate()
    return process.wait(seconds)


def test_a_stop_takes_less_than_two_seconds_whatever_is_going_on(tmp_path: Path) -> None:
    with site(tmp_path) as here, socket.create_server(("127.0.0.1", 0)) as silent:
        here.populate(2)
        here.controller.stop()
        text = here.controller.configuration.read_text()
        # A database that takes connections and says nothing, and one that is nowhere.
        more = f'[[ovsdb]]\nendpoint = "tcp:127.0.0.1:{silent.getsockname()[1]}"\n'
        more += '[[ovsdb]]\nendpoint = "tcp:192.0.2.1:6640"\n'
        here.controller.configuration.write_text(text + more)
        here.controller.start()
        here.settle()
        idle = httpx.Client()
        idle.get(f"http://127.0.0.1:{here.controller.api_port}/client/api")
        half = socket.create_connection(("127.0.0.1", here.controller.api_port))
        half.sendall(b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ncommand")
        mute = socket.create_connection(("127.0.0.1", here.controller.openflow_port))
        time.sleep(0.3)
        before = {name: here.flows(name) for name in here.bridges}
        assert ended_in(here.controller, 2.0) == 0
        assert {name: here.flows(name) for name in here.bridges} == before
        assert "Traceback" not in here.log()
        assert not list(tmp_path.glob("*.sock.*")) and not (tmp_path / "sdn-orch.sock").exists()
        for each in (idle, half, mute):
            each.close()


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance = random.Random(7)
    with site(tmp_path) as here:
        here.populate(2)
        acknowledged: dict[str, str] = {}
        numbers = iter(range(2, 1000))
        for _ in range(6):
            stopped = threading.Event()

            def work(stopped: threading.Event = stopped) -> None:
                while not stopped.is_set():
                    try:
                        machine = here.machine(next(numbers))
                        acknowledged[machine.nic_id] = machine.mac
                        here.plug("leaf1" if int(machine.name[1:]) % 2 else "leaf2", machine)
                    except (cs.CloudStackException, OSError):
                        # requests' exceptions are OSErrors.
                        return

            working = threading.Thread(target=work)
            working.start()
            time.sleep(chance.uniform(0.1, 1.2))
            here.controller.kill()
            stopped.set()
            working.join(20)
            assert not working.is_alive()
            here.controller.start()
            here.settle()
            rows = {row["id"]: row for row in here.controller.ask_all("/v1/ports")}
            assert acknowledged.items() <= {id: row["mac"] for id, row in rows.items()}.items()
            here.controller.wait(
                lambda: (
                    {row["condition"] for row in here.controller.ask_all("/v1/ports")} <= {"realised", "idle"}
                ),
                "all to be realised",
            )
            assert here.differences() == []
        assert len(acknowledged) > 10
        # Nothing has changed since: then nothing is sent.
        here.controller.kill()
        here.controller.start()
        here.settle()
        time.sleep(1.5)
        assert set(here.sent().values()) == {0}
        assert here.differences() == []


def test_killed_while_switches_are_written_leaves_nothing_wrong(tmp_path: Path) -> None:
    chance = random.Random(11)
    with site(tmp_path) as here:
        here.populate(12)
        right = {name: here.flows(name) for name in here.bridges}
        for _ in range(5):
            here.controller.kill()
            for name in here.bridges:
                here.ofctl(name, "del-flows")
                here.ofctl(name, "del-groups")
            here.controller.start()
            here.controller.wait(lambda: "connected" in here.log(), "the daemon to begin")
            time.sleep(chance.uniform(0.0, 0.5))
        here.controller.kill()
        here.controller.start()
        here.settle()
        assert {name: here.flows(name) for name in here.bridges} == right
        assert here.differences() == []


def test_a_locked_database_is_told_to_clients_and_survived(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        with closing(sqlite3.connect(here.controller.store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(cs.CloudStackApiException) as caught:
                here.machine(7)
            assert caught.value.error["errorcode"] == 530
            assert "locked" in caught.value.error["errortext"]
            other.execute("ROLLBACK")
        here.wait_log("error", "GET deployVirtualMachine status=530", "locked")
        new = here.machine(8)
        here.plug("leaf1", new)
        here.wait_realised(new)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte and a half."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> Path:
    """A file that takes all the space that is left."""
    path = place / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def test_a_full_disk_is_told_to_clients_and_survived(tmp_path: Path, small_disk: Path) -> None:
    with site(tmp_path, store={"path": str(small_disk / "store.db")}) as here:
        made = here.populate(2)
        filler = fill(small_disk)
        faults: list[dict[str, object]] = []
        for number in range(10, 40):
            try:
                here.machine(number)
            except cs.CloudStackApiException as fault:
                faults.append(fault.error)
        assert {fault["errorcode"] for fault in faults} == {530}
        assert "full" in str(faults[-1]["errortext"])
        # It lives, goes on reading, and what is observed meanwhile is not forgotten.
        here.ovs.vsctl("del-port", f"{here.bridges['leaf1']}-{made[0].name}")
        here.wait_log("waits for the store")
        assert here.in_sync() and len(here.controller.ask_all("/v1/ports")) >= 2
        known = len(here.controller.ask_all("/v1/ports"))
        filler.unlink()
        new = here.machine(50)
        assert len(here.controller.ask_all("/v1/ports")) == known + 1
        here.plug("leaf1", new)
        here.wait_realised(new)
        here.wait_log(made[0].nic_id, "is nowhere")
        assert here.differences() == []


def test_a_damaged_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        assert ended_in(here.controller, 5) == 0
        store = here.controller.store
        whole = store.read_bytes()
        damaged = bytearray(whole)
        for at in range(8192, len(damaged) - 512, 4096):
            damaged[at : at + 512] = bytes(512)
        for content in (bytes(damaged), b"this is no database" * 500):
            store.write_bytes(content)
            done = refused(here.controller)
            assert done.returncode == 1
            assert str(store) in done.stderr and "Traceback" not in done.stderr, done.stderr
            assert store.read_bytes() == content
            assert not (tmp_path / "sdn-orch.sock").exists()
        # A row that does not fit its checksum: the row is named.
        store.write_bytes(whole)
        with closing(sqlite3.connect(store, isolation_level=None)) as database:
            database.execute(
                "UPDATE record SET body = replace(body, '10.1.1', '10.9.9') WHERE kind = 'Network'"
            )
        done = refused(here.controller)
        assert done.returncode == 1
        assert "Network" in done.stderr and "checksum" in done.stderr, done.stderr
        store.write_bytes(whole)
        here.controller.start()
        here.settle()
        assert set(here.sent().values()) == {0}


def test_a_second_daemon_says_what_the_first_one_has(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        first = here.controller
        before = here.sent()

        def second(name: str, *kept: str) -> str:
            """What a daemon says that shares only these things with the first."""
            folder = tmp_path / name
            folder.mkdir()
            other = Controller(folder, [], {}, databases=())
            text = other.configuration.read_text()
            swaps = {
                "store": (str(other.store), str(first.store)),
                "socket": (f'run_directory = "{folder}"', f'run_directory = "{tmp_path}"'),
                "api": (f":{other.api_port}", f":{first.api_port}"),
                "openflow": (f":{other.openflow_port}", f":{first.openflow_port}"),
            }
            for each in kept:
                text = text.replace(*swaps[each])
            other.configuration.write_text(text)
            done = refused(other)
            assert done.returncode == 1, done.stderr
            assert "Traceback" not in done.stderr, done.stderr
            assert len(done.stderr.strip().splitlines()) <= 3, done.stderr
            return done.stderr

        assert f"store.db: process {first.pid} uses it" in second("all", "store", "socket", "api", "openflow")
        assert f"store.db: process {first.pid} uses it" in second("store", "store")
        assert f"another sdn-orch runs: it answers at {tmp_path}/sdn-orch.sock" in second("socket", "socket")
        for kind, port in (("api", first.api_port), ("openflow", first.openflow_port)):
            said = second(kind, kind)
            assert "in use" in said and str(port) in said, said
        assert here.in_sync() and here.sent() == before


def test_every_fault_of_a_configuration_and_exit_code_2(tmp_path: Path) -> None:
    controller = Controller(
        tmp_path, [{"name": "leaf1", "dpid": 0}, {"name": "leaf 2"}], {}, databases=["unix"]
    )
    done = refused(controller)
    assert done.returncode == 2
    for fault in (
        "ovsdb[1].endpoint",
        "switches[1].dpid",
        "switches[2].dpid: is missing",
        "switches[2].name",
    ):
        assert fault in done.stderr, done.stderr
    assert not controller.store.exists()
