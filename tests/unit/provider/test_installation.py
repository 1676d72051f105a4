"""An installation of the extension: made, made again, examined, and taken away; and the same as a script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sdn_orch.cli import app
from sdn_orch.northbound.operator.custom_actions import ACTIONS as CARRIED_OUT
from sdn_orch.provider.wanted import ACTIONS, CAPABILITIES, SERVICES
from tests.management_api import KEY, SECRET, CloudStack, serving

TOKEN = "sdn-orch-token"
DAEMON = "http://127.0.0.1:1"
COMMON = ("--physical-network", "Physical 1")


@pytest.fixture
def cloudstack() -> CloudStack:
    return CloudStack()


@pytest.fixture
def endpoint(cloudstack: CloudStack) -> Iterator[str]:
    with serving(cloudstack) as url:
        yield url


def run(endpoint: str, command: str, *words: str, url: str = DAEMON, secret: str = SECRET) -> Result:
    environment = {"CLOUDSTACK_ENDPOINT": endpoint, "CLOUDSTACK_KEY": KEY, "CLOUDSTACK_SECRET": secret}
    environment |= {"SDN_ORCH_TOKEN": TOKEN}
    more = () if command == "uninstall" else ("--url", url)
    return CliRunner().invoke(app, ["cloudstack", command, *COMMON, *more, *words], env=environment)


def test_installed_once_and_again_and_taken_away(cloudstack: CloudStack, endpoint: str) -> None:
    first = run(endpoint, "install")
    assert first.exit_code == 0, first.output
    (extension,) = cloudstack.rows["extension"]
    assert extension["details"]["network.services"] == ",".join(SERVICES)
    assert json.loads(extension["details"]["network.service.capabilities"]) == CAPABILITIES
    assert cloudstack.registered[extension["id"]] == {"url": DAEMON, "password": TOKEN}
    offerings = {row["name"]: row["state"] for row in cloudstack.rows["networkoffering"]}
    assert offerings == dict.fromkeys(
        ("sdnorch-isolated", "sdnorch-tier", "sdnorch-shared", "sdnorch-l2"), "Enabled"
    )
    assert [row["state"] for row in cloudstack.rows["vpcoffering"]] == ["Enabled"]
    assert TOKEN not in first.output and "install -D -o cloud" in first.output
    before = json.dumps(cloudstack.rows)
    again = run(endpoint, "install")
    assert again.exit_code == 0 and "made" not in again.output
    assert json.dumps(cloudstack.rows) == before

    cloudstack.rows["network"].append(
        {"name": "first", "networkofferingid": cloudstack.rows["networkoffering"][0]["id"]}
    )
    used = run(endpoint, "uninstall")
    assert used.exit_code == 1 and "network first" in used.output
    assert json.dumps(cloudstack.rows["extension"]) in before
    cloudstack.rows["network"].clear()
    gone = run(endpoint, "uninstall")
    assert gone.exit_code == 0, gone.output
    assert not any(rows for kind, rows in cloudstack.rows.items() if kind != "physicalnetwork")
    assert not cloudstack.registered
    assert run(endpoint, "uninstall").exit_code == 0


def test_a_token_is_made_for_a_registration_alone(cloudstack: CloudStack, endpoint: str) -> None:
    """Here no daemon can be asked for one."""
    environment = {"CLOUDSTACK_ENDPOINT": endpoint, "CLOUDSTACK_KEY": KEY, "CLOUDSTACK_SECRET": SECRET}
    words = ["cloudstack", "install", *COMMON, "--url", DAEMON]
    assert CliRunner().invoke(app, words, env=environment).exit_code != 0
    assert cloudstack.rows["extension"] == []
    assert run(endpoint, "install").exit_code == 0
    again = CliRunner().invoke(app, words, env=environment)
    assert again.exit_code == 0, again.output


def test_half_an_installation_is_completed(cloudstack: CloudStack, endpoint: str) -> None:
    assert run(endpoint, "install").exit_code == 0
    cloudstack.rows["networkoffering"].pop()
    cloudstack.rows["networkserviceprovider"][0]["state"] = "Disabled"
    assert run(endpoint, "install").exit_code == 0
    assert len(cloudstack.rows["networkoffering"]) == 4
    assert cloudstack.rows["networkserviceprovider"][0]["state"] == "Enabled"


def test_the_doctor_names_what_is_wrong_and_how_to_mend_it(cloudstack: CloudStack, endpoint: str) -> None:
    nothing = run(endpoint, "doctor")
    assert nothing.exit_code == 1
    assert "✗ the extension sdnorch: is not there\n    sdn-orch cloudstack install" in nothing.output
    run(endpoint, "install")
    cloudstack.rows["extension"][0]["pathready"] = True
    found = run(endpoint, "doctor")
    assert "✓ the extension sdnorch" in found.output and "✓ CloudStack 4.23.0.0" in found.output
    assert [line for line in found.output.splitlines() if line.startswith("✗")] == [
        f"✗ {DAEMON}: [Errno 111] Connection refused"
    ]
    provider, extension = cloudstack.rows["networkserviceprovider"][0], cloudstack.rows["extension"][0]
    provider["state"] = "Disabled"
    extension |= {"pathready": False, "state": "Disabled"}
    extension["details"]["network.services"] = "Dhcp"
    cloudstack.rows["extensioncustomaction"].pop()
    cloudstack.version = "4.22.1.0"
    output = run(endpoint, "doctor").output
    for wrong in (
        "✗ CloudStack 4.22.1.0", "its detail network.services is Dhcp", "is Disabled",
        f"cmk updateNetworkServiceProvider id={provider['id']} state=Enabled", "✗ the action vpc-resync",
        "its file is not ready on every management server",
    ):  # fmt: skip
        assert wrong in output, (wrong, output)


def test_the_doctors_commands_mend_details(cloudstack: CloudStack, endpoint: str, tmp_path: Path) -> None:
    """As they are printed, and run by a shell."""
    run(endpoint, "install")
    (extension,) = cloudstack.rows["extension"]
    wanted = dict(extension["details"])
    extension["details"] |= {"network.services": "Dhcp", "network.service.capabilities": "{}"}
    extension["state"] = "Disabled"
    told = run(endpoint, "doctor").output.splitlines()
    assert any("its detail network.services is Dhcp" in line for line in told)
    script = "\n".join(line for line in told if line.startswith("    cmk updateExtension"))
    done = _sh(script, endpoint, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (extension["details"], extension["state"]) == (wanted, "Enabled")
    assert "its detail" not in run(endpoint, "doctor").output


def test_wrong_keys_and_networks(cloudstack: CloudStack, endpoint: str) -> None:
    wrong = run(endpoint, "install", secret="x")
    assert wrong.exit_code == 1 and "signature" in wrong.output
    wrong = run(endpoint, "install", "--physical-network", "nowhere")
    assert wrong.exit_code == 1 and "there are Physical 1" in wrong.output
    wrong = run("http://127.0.0.1:1/client/api", "install")
    assert wrong.exit_code == 1 and "refused" in wrong.output
    assert run("", "doctor").exit_code == 2
    assert cloudstack.rows["extension"] == []


@pytest.mark.slow
def test_the_script_makes_the_same(cloudstack: CloudStack, endpoint: str, tmp_path: Path) -> None:
    """The printed commands, run by a shell, with programs in the places of cloudmonkey, jq and install."""
    installed = run(endpoint, "install")
    assert installed.exit_code == 0
    wanted = json.dumps([cloudstack.rows, sorted(cloudstack.registered.values(), key=str)])
    assert run(endpoint, "uninstall").exit_code == 0
    words = ["cloudstack", "install", *COMMON, "--url", DAEMON]
    script = CliRunner().invoke(app, words).output
    assert TOKEN not in script
    done = _sh(script, endpoint, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _without_ids(json.dumps([cloudstack.rows, sorted(cloudstack.registered.values(), key=str)])) == (
        _without_ids(wanted)
    )
    script = CliRunner().invoke(app, ["cloudstack", "uninstall", *COMMON]).output
    done = _sh(script, endpoint, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not any(rows for kind, rows in cloudstack.rows.items() if kind != "physicalnetwork")


def test_actions_are_those_that_are_carried_out() -> None:
    assert ACTIONS.keys() == CARRIED_OUT.keys()


def _sh(script: str, endpoint: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """A shell runs it, with programs in the places of cloudmonkey, jq, install and sdn-orch."""
    programs = {"cmk": CMK, "jq": JQ, "install": "#!/bin/sh\n", "sdn-orch": f"#!/bin/sh\necho {TOKEN}\n"}
    for name, text in programs.items():
        (directory / name).write_text(text.replace("PYTHON", sys.executable))
        (directory / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{directory}:{os.environ['PATH']}", "ENDPOINT": endpoint}
    return subprocess.run(["sh"], input=script, capture_output=True, text=True, env=environment, check=False)


def _without_ids(text: str) -> str:
    return re.sub(r"-\d+\"", '-N"', text)


CMK = """#!PYTHON
import json, os, sys, urllib.request
from urllib.parse import urlencode
from sdn_orch.northbound.cloudstack.signing import canonical, sign
given = {"command": sys.argv[1], "apiKey": "key"}
given |= dict(word.split("=", 1) for word in sys.argv[2:])
given["signature"] = sign(canonical(given), "s3cret").decode()
with urllib.request.urlopen(os.environ["ENDPOINT"], urlencode(given).encode()) as answer:
    (said,) = json.load(answer).values()
print(json.dumps(said))
"""
JQ = """#!PYTHON -IS
import json, re, sys
program = sys.argv[2]
rows = json.load(sys.stdin).get(re.match(r"\\[\\.(\\w+)", program)[1], [])
name = re.search(r'name == "([^"]*)"', program)
print([row["id"] for row in rows if not name or name[1] in (row["name"], row["id"])][0])
"""
