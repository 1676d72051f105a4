"""sdn-orch as a Ryu application, loaded by os-ken's own application manager under either name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.ovs.bridges import bridge
from tests.southbound import wait_until
from topologies.controller import free_ports

pytestmark = pytest.mark.ovs

#: What a person who has only the library would write.
MANAGER = {
    "os_ken": "from os_ken.base.app_manager import AppManager",
    "ryu": "import sdn_orch.ryu_alias as names; names.install(); from ryu.base.app_manager import AppManager",
}
RUN = """
try:
    AppManager.run_apps(["apps.controller"])
except KeyboardInterrupt:
    print("stopped in order")
"""


@pytest.mark.parametrize("names", MANAGER)
def test_the_application_manager_runs_the_daemon(names: str, tmp_path: Path) -> None:
    openflow, api = free_ports(2)
    with bridge() as switch:
        configuration = tmp_path / "sdn-orch.toml"
        configuration.write_text(
            f'run_directory = "{tmp_path}"\n[store]\npath = "{tmp_path}/store.db"\n'
            f'[openflow]\nlisten = "127.0.0.1:{openflow}"\n[api]\nlisten = "127.0.0.1:{api}"\n'
            f'[[switches]]\nname = "leaf"\ndpid = {switch.dpid}\n'
        )
        log = (tmp_path / "log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-c", MANAGER[names] + RUN],
            env=os.environ | {"SDN_ORCH_CONFIG": str(configuration)},
            cwd=Path(__file__).parents[2],
            stdout=log,
            stderr=log,
        )
        try:
            switch.control(f"tcp:127.0.0.1:{openflow}")
            wait_until(lambda: phase(tmp_path / "sdn-orch.sock") == "in-sync", 20)
            assert "table=0" in switch.ofctl("dump-flows")
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 0
        finally:
            process.kill()
            process.wait()
            log.close()
        assert "stopped in order" in (tmp_path / "log").read_text()
        assert not (tmp_path / "sdn-orch.sock").exists()


def phase(path: Path) -> str | None:
    """How the one switch is, once the daemon answers."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            (switch,) = client.get("http://sdn-orch/v1/status").json()["switches"]
    except (httpx.HTTPError, ValueError):
        return None
    found: str = switch["phase"]
    return found
