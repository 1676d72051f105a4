"""cloudmonkey, CloudStack's own command line, which makes itself from listApis."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sdn_orch.northbound.cloudstack.calls import COMMANDS
from tests.e2e.clients.conftest import Api

Monkey = Callable[..., str]


@pytest.fixture(scope="session")
def python2() -> str:
    """A Python 2.7, which the last cloudmonkey in Python needs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [*map(str, pyenv.glob("versions/2.7.*/bin/python2.7")), shutil.which("python2.7")]
    for python in found:
        if python and subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("cloudmonkey needs Python 2.7, which this machine does not have")


@pytest.fixture(scope="session")
def packages(python2: str) -> Path:
    """Where cloudmonkey is installed, once for all runs."""
    home = Path(sys.prefix) / "cloudmonkey-5.3.3.1"
    if not home.exists():
        unfinished = home.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        install = [python2, "-m", "pip", "install", "-q", "--target", str(unfinished), "cloudmonkey==5.3.3.1"]
        subprocess.run(install, check=True, capture_output=True)
        unfinished.rename(home)
    return home


@pytest.fixture
def monkey(api: Api, python2: str, packages: Path, tmp_path: Path) -> Monkey:
    """Runs cloudmonkey as the administrator; what it printed."""
    environment = os.environ | {"PYTHONPATH": str(packages), "HOME": str(tmp_path)}

    def run(*words: str) -> str:
        command = [python2, "-m", "cloudmonkey.cloudmonkey", "-c", str(tmp_path / "config"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return re.sub(r"\x1b\[[\d;]*m", "", done.stdout)

    settings = {"url": api.endpoint, "apikey": api.keys.api_key, "secretkey": api.keys.secret_key}
    for name, value in (settings | {"display": "json"}).items():
        run("set", name, value)
    return run


def test_it_makes_itself_from_list_apis_and_drives_us(monkey: Monkey) -> None:
    assert f"{len(COMMANDS)} APIs discovered" in monkey("sync")
    assert monkey("list", "zones").strip() == ""
    made = json.loads(
        monkey("create", "zone", "name=z", "networktype=Advanced", "dns1=192.0.2.1", "internaldns1=192.0.2.1")
    )["zone"]
    shown = json.loads(monkey("list", "zones", "filter=name,id"))
    assert shown == {"count": 1, "zone": [{"id": made["id"], "name": "z"}]}
    waited = monkey("create", "physicalnetwork", "name=fabric", f"zoneid={made['id']}", "vlan=100-199")
    job = json.loads(waited[waited.index("{") :])  # Behind the dots that it waits with.
    assert job["jobresult"]["physicalnetwork"]["vlan"] == "100-199"
