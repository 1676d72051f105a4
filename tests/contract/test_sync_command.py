"""Two daemons as processes: one is the CloudStack, and the other syncs with it, by itself and by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from topologies.controller import Controller
from topologies.demo.tenants import ISOLATED, Cloudstack


class Site:
    """Both, and a tenant of the first."""

    def __init__(self, directory: Path) -> None:
        self.there = _controller(directory / "there", {})
        self.there.start()
        self.cloud = Cloudstack(self.there, vlan="100-199")
        self.red = self.cloud.tenant("red")
        self.secret = str(self.cloud.admin.call.secret)
        secret = directory / "secret"
        secret.write_text(f"{self.secret}\n")
        self.web = ""
        self.section = {
            "url": f"http://127.0.0.1:{self.there.api_port}/client/api",
            "key": self.cloud.admin.call.key,
            "secret_file": str(secret),
            "most_deleted": 2,
            "interval": 3600,
        }
        self.here = _controller(directory / "here", {"cloudstack": self.section})

    def network(self, name: str, machines: int) -> str:
        id = self.cloud.network(self.red, name, ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        for number in range(machines):
            self.cloud.machine(self.red, "", f"{name}-{number}", (name, id))
        return id

    def sync(self, *words: str) -> tuple[int, Any]:
        done = self.here.command("cloudstack", "sync", "--json", *words)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


def _controller(directory: Path, settings: dict[str, Any]) -> Controller:
    directory.mkdir()
    return Controller(directory, [], settings, databases=())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("sync"))
    try:
        made.web = made.network("web", 2)
        made.here.start()
        yield made
    finally:
        made.here.stop()
        made.there.stop()


def test_the_daemon_syncs_when_it_starts_and_when_it_is_told(site: Site) -> None:
    web = site.web
    site.here.wait(lambda: len(site.here.ask_all("/v1/ports")) == 2, "the first comparison")
    (row,) = site.here.ask_all("/v1/networks")
    assert (row["id"], row["name"]) == (web, "web")

    site.network("more", 1)
    code, planned = site.sync("--plan")
    assert code == 0
    assert {"action": "create", "kind": "network", "name": "more"}.items() <= planned["changes"][0].items()
    assert len(site.here.ask_all("/v1/networks")) == 1
    code, done = site.sync()
    assert (code, done["changes"], done["groups"]) == (0, planned["changes"], 2)
    assert len(site.here.ask_all("/v1/networks")) == 2

    for machine in site.red.call.listVirtualMachines(networkid=web)["virtualmachine"]:
        site.red.call.destroyVirtualMachine(id=machine["id"], expunge=True)
    site.red.call.deleteNetwork(id=web)
    shown = site.here.command("cloudstack", "sync")
    assert shown.returncode == 1
    assert "more than most_deleted = 2: nothing was changed" in shown.stdout
    assert "sdn-orch cloudstack sync --delete" in shown.stdout
    assert len(site.here.ask_all("/v1/networks")) == 2
    assert site.sync("--delete")[0] == 0
    assert [each["name"] for each in site.here.ask_all("/v1/networks")] == ["more"]
    shown = site.here.command("cloudstack", "sync")
    assert "0 differences brought here: 1 networks and VPCs" in shown.stdout

    assert site.secret not in site.here.log.read_text()


def test_a_cloudstack_that_is_away_changes_nothing(site: Site) -> None:
    before = site.here.ask_all("/v1/networks")
    site.there.stop()
    done = site.here.command("cloudstack", "sync")
    assert done.returncode == 1
    assert f"{site.section['url']} does not answer listZones" in done.stderr
    assert site.here.ask_all("/v1/networks") == before


def test_a_daemon_without_a_cloudstack_says_so(tmp_path: Path) -> None:
    alone = _controller(tmp_path / "alone", {})
    alone.start()
    try:
        done = alone.command("cloudstack", "sync")
    finally:
        alone.stop()
    assert (done.returncode, done.stdout) == (1, "")
    assert "the daemon's configuration has no [cloudstack]" in done.stderr
