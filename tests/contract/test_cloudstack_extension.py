"""The executable as CloudStack's management server runs it: a process a command, and what it prints."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound.extension.cloud import made_id
from sdn_orch.northbound.listening import listen_tcp
from sdn_orch.northbound.operator import tokens
from sdn_orch.northbound.operator.door import Door
from sdn_orch.northbound.operator.tokens import Scope
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.provider.api import Api
from sdn_orch.provider.doctor import examine
from sdn_orch.provider.installation import Installation
from sdn_orch.provider.wanted import Wanted
from sdn_orch.reconcile import Reconciler
from tests.cloudstack import Cloud
from tests.extension import EXECUTABLE, ran, run
from tests.management_api import KEY, SECRET, CloudStack, serving
from tests.management_server import CommandFailed, ManagementServer, Net, Vm


@dataclass
class World:
    """A daemon's door, and the details with which the extension is registered there."""

    service: Service
    server: Server
    details: dict[str, str]
    directory: Path

    def manager(self, **details: str) -> ManagementServer:
        return ManagementServer(partial(run, self.directory), self.details | details)

    def fail(self, status: int, document: Any, *words: str, command: str = "implement-network") -> str:
        """What is told of a failure with this exit status."""
        done = ran(self.directory, command, document, *words)
        assert done.returncode == status, done
        (line,) = done.stdout.splitlines()
        said = json.loads(line)
        assert said["status"] == "failed"
        return str(said["message"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    cloud = Cloud()
    _, secret = cloud.service.write(
        lambda transaction: tokens.create(transaction, "cloudstack", Scope.OPERATE, None)
    )
    reconciler = Reconciler(cloud.store, audit_interval=0, keep_foreign=False)
    reconciler.start()
    door = Door(reconciler, cloud.service, is_trusted=False)
    server = Server(Starlette(routes=door.routes()), listen_tcp("127.0.0.1", 0))
    server.start()
    details = {"url": f"http://127.0.0.1:{server.address[1]}", "password": secret}
    yield World(cloud.service, server, details, tmp_path)
    server.stop()
    reconciler.stop()
    cloud.store.close()


NET = Net(209, "10.1.1.0/24", vlan="1910", source_nat="203.0.113.10")
VM = Vm(731, "web1", "02:01:00:d1:00:05", "10.1.1.37")


def payload(**details: str) -> dict[str, Any]:
    """That of implement-network."""
    return {
        "physical-network-extension-details": details,
        "network-extension-details": {},
        "payload": ManagementServer(lambda *_: "").n(NET),
    }


def test_a_network_comes_up_command_by_command(world: World) -> None:
    net, manager = Net(209, "10.1.1.0/24", vlan="1910", source_nat="203.0.113.10"), world.manager()
    manager.start(net, VM)
    nic = world.service.snapshot.need(Nic, VM.uuid)
    assert (nic.active, nic.hostname) == (True, "web1")
    assert net.output == ""
    assert json.loads(net.details) == {"controller": "sdn-orch"}


def test_details_can_always_be_read(world: World) -> None:
    manager = world.manager(url="http://127.0.0.1:1")
    for kept in ("{}", "", "nonsense", "[1]", '"x"', '{"other":"kept"}', '{"controller":"sdn-orch"}'):
        said = json.loads(manager.send("ensure-network-device", NET, current_details=kept))
        assert said["controller"] == "sdn-orch"
        assert said.get("other") == ("kept" if "other" in kept else None)
    for wrong in (b"", b"{", b"[]", b'{"payload": 5}', b"\xff\xfe"):
        done = ran(world.directory, "ensure-network-device", wrong)
        assert done.returncode == 1
        assert json.loads(done.stdout)["status"] == "failed"


def test_a_network_whose_vlan_cloudstack_has_forgotten(world: World) -> None:
    """apache/cloudstack#14077: it is implemented again with no VLAN, and must be told one."""
    net, manager = Net(209, "10.1.1.0/24"), world.manager(isolation="extension")
    id = made_id("cloudstack", "network", "209")
    said = {"network.broadcast_domain_type": "Lswitch", "network.broadcast_uri": f"lswitch:{id}"}
    for _ in range(2):
        manager.implement(net)
        assert json.loads(net.output) == said
        net.vlan = id
        manager.restart(net)
        assert json.loads(net.output) == said
        manager.shut_down(net)
        net.vlan = ""
    net.vlan = "1910"
    manager.implement(net)
    assert json.loads(net.output)["network.broadcast_uri"] == "vlan://1910"
    world.manager().implement(net)
    assert net.output == "", "CloudStack chooses, and is told nothing"


def test_what_is_wrong_with_the_call_or_its_details(world: World) -> None:
    assert "hold JSON" in world.fail(1, b"{")
    assert "not an object" in world.fail(1, {"payload": []})
    assert "detail url" in world.fail(1, payload(password="x"))
    for url in ("sdn.example", "ftp://x", "http://", "http://a:b@c", "http://x:99999x"):
        assert "detail url" in world.fail(1, payload(url=url, password="x"))
    assert "detail password" in world.fail(1, payload(url=world.details["url"]))
    assert "detail password" in world.fail(1, payload(**world.details | {"password": "x\r\nHost: y"}))
    assert "not a name" in world.fail(1, payload(**world.details), command="../tokens")
    done = subprocess.run([EXECUTABLE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    done = subprocess.run([EXECUTABLE, "assign-ip", "/nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "No such file" in json.loads(done.stdout)["message"]


def test_a_token_that_is_not_good(world: World) -> None:
    assert "no token" in world.fail(2, payload(**world.details | {"password": "sdn-orch-x"}))
    _, reader = world.service.write(lambda transaction: tokens.create(transaction, "r", Scope.READ, None))
    assert "scope" in world.fail(2, payload(**world.details | {"password": reader}))


def test_what_the_daemon_refuses_is_said_in_one_line(world: World) -> None:
    document = payload(**world.details)
    document["payload"]["cidr"] = "nonsense"
    assert "cidr" in world.fail(3, document)
    assert world.service.snapshot.count(Network) == 0


def test_nobody_answers(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    started = time.monotonic()
    message = world.fail(2, payload(url=f"http://127.0.0.1:{free}", password="x"))
    assert "Connection refused" in message and str(free) in message
    assert 4 < time.monotonic() - started < 30


def test_somebody_listens_and_never_answers(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert "within 1.5 seconds" in world.fail(2, payload(url=url, password="x"), "2")


def test_somebody_else_answers(world: World) -> None:
    for answer in (b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 500 x\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

            def speak(listener: socket.socket, answer: bytes) -> None:
                listener.settimeout(30)
                for _ in range(100):
                    try:
                        with listener.accept()[0] as connection:
                            connection.recv(65536)
                            connection.sendall(answer)
                    except OSError:
                        return

            told = pool.submit(speak, listener, answer)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            done = ran(world.directory, "assign-ip", payload(url=url, password="x"))
            assert done.returncode in (2, 3), done
            assert json.loads(done.stdout)["status"] == "failed"
            listener.shutdown(socket.SHUT_RDWR)
            told.result(30)


def test_a_daemon_that_is_being_started_again_is_waited_for(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with ThreadPoolExecutor(1) as pool:
        document = payload(url=f"http://127.0.0.1:{port}", password=world.details["password"])
        done = pool.submit(ran, world.directory, "implement-network", document)
        time.sleep(1)
        door = Door(Reconciler(world.service._store, audit_interval=0, keep_foreign=False), world.service,
                    is_trusted=False)  # fmt: skip
        again = Server(Starlette(routes=door.routes()), listen_tcp("127.0.0.1", port))
        again.start()
        assert done.result(30).returncode == 0
        again.stop()
    assert world.service.snapshot.count(Network) == 1


def test_over_tls(world: World) -> None:
    certificate, key = world.directory / "daemon.pem", world.directory / "daemon.key"
    algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key)
    subject = ("-subj", "/CN=daemon", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate)
    subprocess.run(["openssl", "req", "-x509", *algorithm, *subject], check=True, capture_output=True)
    reconciler = Reconciler(world.service._store, audit_interval=0, keep_foreign=False)
    routes = Door(reconciler, world.service, is_trusted=False).routes()
    server = Server(
        Starlette(routes=routes), listen_tcp("127.0.0.1", 0), certificate=certificate, private_key=key
    )
    server.start()
    secure = world.details | {"url": f"https://127.0.0.1:{server.address[1]}"}
    done = ran(world.directory, "implement-network", payload(**secure, cafile=str(certificate)))
    assert (done.returncode, done.stdout) == (0, "")
    assert "certificate" in world.fail(2, payload(**secure))
    assert "cafile" in world.fail(1, payload(**secure, cafile="/nowhere"))
    server.stop()


def test_the_doctor_asks_the_daemon(world: World) -> None:
    def found(token: str) -> list[tuple[bool | None, str]]:
        wanted = Wanted(name="x", physical_network="x", url=world.details["url"], token=token)
        # Nobody is at that endpoint: what is looked at last does not depend on it.
        with Api("http://127.0.0.1:1/client/api", "key", "secret") as api:
            return [(each.is_right, each.what) for each in examine(Installation(api, wanted))]

    right = found(world.details["password"])
    assert right[1:] == [
        (True, f"the daemon at {world.details['url']}"),
        (False, "the daemon has no switches"),
        (None, "the daemon does not sync with CloudStack"),
    ]
    assert found("sdn-orch-x")[-1] == (False, f"{world.details['url']}: does not accept the token")
    assert found("")[-1][0] is None


def test_the_doctor_compares_machines(world: World) -> None:
    cloudstack = CloudStack()
    wanted = Wanted(
        name="sdnorch",
        physical_network="Physical 1",
        url=world.details["url"],
        token=world.details["password"],
    )
    world.manager().start(Net(209, "10.1.1.0/24", vlan="1910"), VM)
    stale = Vm(732, "stale", "02:01:00:d1:00:06", "10.1.1.38")
    world.manager().start(Net(209, "10.1.1.0/24", vlan="1910", state="implemented"), stale)
    with serving(cloudstack) as endpoint, Api(endpoint, KEY, SECRET) as api:
        installation = Installation(api, wanted)
        installation.install(lambda _: None)
        offering = cloudstack.rows["networkoffering"][0]["id"]
        cloudstack.rows["network"].append({"id": "n1", "name": "first", "networkofferingid": offering})
        for name, nic in (("web1", VM.uuid), ("lost", "00000000-0000-4000-8000-000000000001")):
            cloudstack.rows["virtualmachine"].append(
                {"id": name, "name": name, "state": "Running", "nic": [{"id": nic, "networkid": "n1"}]}
            )
        found = [each for each in examine(installation) if "NIC" in each.what]
    assert [(each.is_right, each.what) for each in found] == [
        (False, f"machine web1: its NIC {VM.uuid} is plugged in nowhere"),
        (False, "machine lost: the daemon has not heard of its NIC 00000000-0000-4000-8000-000000000001"),
        (None, f"NIC {stale.uuid} of network-209: no machine that runs in CloudStack has it"),
        (True, "2 NICs of machines that run"),
    ]
    assert found[1].mend == "cmk restartNetwork id=n1 cleanup=true"


def test_secrets_are_not_printed(world: World) -> None:
    secret, password = world.details["password"], "x7Kq-hidden"
    nic = world.manager().c(NET, VM)
    for details in (world.details, world.details | {"url": "http://127.0.0.1:x"}):
        document = payload(**details)
        document["payload"] |= nic | {"password": password}
        done = ran(world.directory, "save-password", document)
        for hidden in (secret, password):
            assert hidden not in done.stdout + done.stderr
    document["payload"]["mac"] = password
    document["physical-network-extension-details"] = world.details
    assert password not in world.fail(3, document, command="save-password")


def test_unknown_commands_end_well(world: World) -> None:
    done = ran(world.directory, "set-dhcp-options", payload(**world.details))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_several_management_servers_at_once(world: World) -> None:
    """Sixteen machines start at once, half of them on each, in a network that neither brought up."""
    net = Net(209, "10.1.1.0/24", vlan="1910", source_nat="203.0.113.10", state="implemented")
    vms = [Vm(700 + n, f"vm{n}", f"02:01:00:d1:01:{n:02x}", f"10.1.1.{20 + n}") for n in range(16)]
    managers = [world.manager(), world.manager()]

    def start(position: int) -> None:
        manager, vm = managers[position % 2], vms[position]
        manager.command("prepare-nic", net, **manager.c(net, vm), hostname=vm.name)
        manager.command("assign-ip", net, **manager.p("203.0.113.10", True))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(16)))
    found = {nic.id for nic in world.service.snapshot.all(Nic)}
    assert found == {vm.uuid for vm in vms}
    assert world.service.snapshot.count(PublicAddress) == 1


def test_killed_in_the_middle(world: World) -> None:
    """Whenever it is killed, the command is carried out as a whole or not at all, and again it works."""
    net, manager = Net(209, "10.1.1.0/24", vlan="1910"), world.manager()
    path = world.directory / "payload"
    path.write_text(json.dumps(payload(**world.details)))
    for milliseconds in (1, 10, 20, 30, 40, 60):
        process = subprocess.Popen([EXECUTABLE, "implement-network", path, "60"], stdout=subprocess.PIPE)
        time.sleep(milliseconds / 1000)
        process.kill()
        process.communicate()
    manager.implement(net)
    assert world.service.snapshot.count(Network) == 1


def test_it_needs_nothing_but_python_and_starts_soon(world: World) -> None:
    assert os.access(EXECUTABLE, os.X_OK)
    listed = subprocess.run(
        ["python3", "-X", "importtime", "-BIS", EXECUTABLE], capture_output=True, text=True, check=False
    )
    slow = {"argparse", "http.client", "urllib.request", "typing", "ssl", "pathlib", "logging", "asyncio"}
    # It closes its standard error after its imports, so that what they are has been written by then.
    loaded = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert "json" in loaded and not loaded & slow, loaded & slow
    with pytest.raises(CommandFailed):
        world.manager(url="nonsense").send("implement-network", NET)
