"""Two daemons as processes: one is the CloudStack, and the other syncs with it, by itself and by command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sdn_orch.northbound.sync import events
from sdn_orch.northbound.sync.webhook import PATH
from sdn_orch.provider.api import Api
from tests.managed import message
from tests.management_api import KEY, SECRET, CloudStack, serving
from topologies.controller import Controller
from topologies.demo.tenants import ISOLATED, Cloudstack

HOOK = "the webhook's secret"


class Site:
    """Both, and a tenant of the first."""

    def __init__(self, directory: Path, **more: Any) -> None:
        """`more` is of the configuration's section."""
        self.there = _controller(directory / "there", {})
        self.there.start(patience=120)
        self.cloud = Cloudstack(self.there, vlan="100-199")
        self.red = self.cloud.tenant("red")
        self.secret = str(self.cloud.admin.call.secret)
        secret = directory / "secret"
        secret.write_text(f"{self.secret}\n")
        hook = directory / "hook"
        hook.write_text(f"{HOOK}\n")
        self.web = self.token = ""
        self.section: dict[str, Any] = {
            "url": f"http://127.0.0.1:{self.there.api_port}/client/api",
            "key": self.cloud.admin.call.key,
            "secret_file": str(secret),
            "webhook_secret_file": str(hook),
            "most_deleted": 2,
            "interval": 3600,
        } | more
        self.here = _controller(directory / "here", {"cloudstack": self.section})

    def network(self, name: str, machines: int) -> str:
        id = self.cloud.network(self.red, name, ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        for number in range(machines):
            self.cloud.machine(self.red, "", f"{name}-{number}", (name, id))
        return id

    def wait(self, condition: Callable[[], object], what: str) -> None:
        self.here.wait(condition, what, patience=120)

    def names(self) -> set[str]:
        return {str(each["name"]) for each in self.here.ask_all("/v1/networks")}

    def examine(self, endpoint: str) -> subprocess.CompletedProcess[str]:
        """What `doctor` says of the daemon, beside what stands for CloudStack's API."""
        if not self.token:
            self.token = self.here.command("token", "create", "doctor", "--scope", "operate").stdout.strip()
        environment = {"CLOUDSTACK_ENDPOINT": endpoint, "CLOUDSTACK_KEY": KEY, "CLOUDSTACK_SECRET": SECRET}
        words = [sys.executable, "-m", "sdn_orch.cli", "cloudstack", "doctor", "--without-extension", "--url"]
        return subprocess.run(
            [*words, f"http://127.0.0.1:{self.here.api_port}"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | environment | {"SDN_ORCH_TOKEN": self.token, "COLUMNS": "250"},
        )

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
        made.here.start(patience=120)
        yield made
    finally:
        made.here.stop()
        made.there.stop()


def test_the_daemon_syncs_when_it_starts_and_when_it_is_told(site: Site) -> None:
    web = site.web
    site.wait(lambda: len(site.here.ask_all("/v1/ports")) == 2, "the first comparison")
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


def test_an_event_is_heard_and_nobody_elses_message(site: Site) -> None:
    heard, unheard = site.network("heard", 1), site.network("unheard", 0)
    body = message("NETWORK.CREATE", datetime.now(UTC), entityuuid=heard)
    url = f"http://127.0.0.1:{site.here.api_port}{PATH}"
    headers = {"X-CS-Event-ID": "one", "X-CS-Signature": events.signature(HOOK, body)}
    assert httpx.post(url, content=body.replace(heard.encode(), unheard.encode())).status_code == 401
    assert httpx.post(url, content=body + b" ", headers=headers).status_code == 401
    assert httpx.post(url, content=bytes(100_000), headers=headers).status_code == 413
    assert httpx.get(url).status_code == 405
    assert httpx.post(url, content=body, headers=headers).status_code == 200
    site.wait(lambda: "heard" in site.names(), "the event's network")
    assert "unheard" not in site.names()


def test_the_doctor_looks_at_sync_and_tries_the_webhook(site: Site) -> None:
    url = f"http://127.0.0.1:{site.here.api_port}"
    assert site.sync()[0] == 0
    with serving(CloudStack("4.22.1.0")) as endpoint:
        examined = site.examine(endpoint)
        assert examined.returncode == 1
        for line in (
            "✓ CloudStack 4.22.1.0", f"✓ the daemon at {url}", f"✗ webhook: none delivers to {url}{PATH}",
            f"    cmk createWebhook name=sdn-orch payloadurl={url}{PATH}",
        ):  # fmt: skip
            assert line in examined.stdout
        compared = r"✓ sync: \d+ networks and VPCs of http://127.0.0.1:\d+/client/api, compared \d+ s ago"
        assert re.search(compared, examined.stdout)
        for payload, secret, wanted in (
            (f"{url}{PATH}", "another", "✗ webhook sdn-orch: the signature is not that of the message\n"),
            (f"http://127.0.0.1:1{PATH}", HOOK, "✗ webhook sdn-orch: [Errno 111] Connection refused\n"),
            (f"{url}{PATH}", HOOK, "✓ webhook sdn-orch: reaches the daemon, and is verified\n"),
        ):
            with Api(endpoint, KEY, SECRET) as api:
                made = api.call(
                    "createWebhook", name="sdn-orch", payloadurl=payload, secretkey=secret, scope="Global",
                    state="Enabled",
                )["webhook"]["id"]  # fmt: skip
                assert wanted in site.examine(endpoint).stdout
                api.call("updateWebhook", id=made, state="Disabled")
                assert f"cmk updateWebhook id={made} state=Enabled" in site.examine(endpoint).stdout
                api.call("deleteWebhook", id=made)


def test_the_doctor_says_what_is_held_back(site: Site) -> None:
    network = site.network("doomed", 3)
    assert site.sync()[0] == 0
    for machine in site.red.call.listVirtualMachines(networkid=network)["virtualmachine"]:
        site.red.call.destroyVirtualMachine(id=machine["id"], expunge=True)
    assert site.sync()[0] == 1
    with serving(CloudStack()) as endpoint:
        assert "✗ sync: held back: 3 networks, VPCs, private gateways and NICs would be deleted" in (
            site.examine(endpoint).stdout
        )
        assert site.sync("--plan", "--delete")[0] == 0
        assert "held back" in site.examine(endpoint).stdout
        assert site.sync("--delete")[0] == 0
        assert "held back" not in site.examine(endpoint).stdout


def test_what_a_command_does_not_say_follows_it(site: Site) -> None:
    """The extension's command tells of a network that sync has brought; its name there has changed."""
    network = site.network("before", 1)
    assert site.sync()[0] == 0
    row = site.cloud.admin.call.listNetworks(id=network)["network"][0]
    site.red.call.updateNetwork(id=network, name="after")
    token = site.here.command("token", "create", "extension", "--scope", "operate").stdout.strip()
    said = {
        "network_id": "77", "vlan": row["vlan"], "cidr": row["cidr"], "gateway": row["gateway"],
        "guest_type": "isolated",
    }  # fmt: skip
    answer = httpx.post(
        f"http://127.0.0.1:{site.here.api_port}/v1/extension/implement-network",
        json={"payload": said},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    site.wait(lambda: "after" in site.names(), "the new name")
    assert [each["id"] for each in site.here.ask_all("/v1/networks")].count(network) == 1


def test_a_cloudstack_that_is_away_changes_nothing(site: Site) -> None:
    before = site.here.ask_all("/v1/networks")
    site.there.stop()
    done = site.here.command("cloudstack", "sync")
    assert done.returncode == 1
    with serving(CloudStack()) as endpoint:
        examined = site.examine(endpoint).stdout
    assert f"✗ sync: {site.section['url']} does not answer listZones" in examined
    assert "see url and cafile of [cloudstack]" in examined
    assert f"{site.section['url']} does not answer listZones" in done.stderr
    assert site.here.ask_all("/v1/networks") == before


def test_a_daemon_without_a_cloudstack_says_so(tmp_path: Path) -> None:
    alone = _controller(tmp_path / "alone", {})
    alone.start(patience=120)
    try:
        done = alone.command("cloudstack", "sync")
    finally:
        alone.stop()
    assert (done.returncode, done.stdout) == (1, "")
    assert "the daemon's configuration has no [cloudstack]" in done.stderr
