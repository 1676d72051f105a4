"""An Open vSwitch of one's own, in a folder: for tests that change its settings or stop its parts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.ovs.bridges import run

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class OpenVSwitch:
    """Both daemons, started here and stopped by process id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "db.sock"
        self._pids: dict[str, int] = {}
        run("ovsdb-tool", "create", str(folder / "conf.db"), _SCHEMA)

    @property
    def remote(self) -> str:
        """Where its database listens."""
        return f"unix:{self.socket}"

    def start_database(self, *remotes: str, options: Sequence[str] = ()) -> None:
        self._start(
            "ovsdb-server",
            str(self.folder / "conf.db"),
            f"--remote=p{self.remote}",
            *(f"--remote={remote}" for remote in remotes),
            *options,
            f"--unixctl={self.folder}/ovsdb.ctl",
        )

    def start_switch(self) -> None:
        self.vsctl("--no-wait", "init")
        options = ("--enable-dummy", f"--unixctl={self.folder}/vswitchd.ctl")
        self._start("ovs-vswitchd", self.remote, *options)

    def stop(self, program: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop one daemon and wait for its end."""
        pid = self._pids.pop(program)
        os.kill(pid, how)
        deadline = time.monotonic() + 10
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.01)

    def signal(self, program: str, how: signal.Signals) -> None:
        """Send a daemon a signal that it survives."""
        os.kill(self._pids[program], how)

    def stop_all(self) -> None:
        for program in ("ovs-vswitchd", "ovsdb-server"):
            if program in self._pids:
                self.stop(program)

    def vsctl(self, *arguments: str) -> str:
        return run("ovs-vsctl", f"--db={self.remote}", "--timeout=20", *arguments)

    def listening_port(self) -> int:
        """The TCP port that the database server chose for a remote with port 0."""
        text = (self.folder / "ovsdb-server.log").read_text()
        (port,) = re.findall(r"listening on port (\d+)", text)
        return int(port)

    def add_bridge(self, name: str, *columns: str) -> int:
        """A bridge; gives its datapath id.

        It has no devices of the machine: a second userspace datapath would need one that the first has.
        """
        settings = ("datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13,OpenFlow14,OpenFlow15")
        self.vsctl("add-br", name, "--", "set", "bridge", name, *settings, *columns)
        return int(self.vsctl("get", "bridge", name, "datapath_id").strip('"'), 16)

    def _start(self, program: str, *arguments: str) -> None:
        pid_file = self.folder / f"{program}.pid"
        command = [program, *arguments, f"--pidfile={pid_file}", "--detach", "--no-chdir", "-vconsole:off"]
        log = f"--log-file={self.folder}/{program}.log"
        environment = os.environ | {"OVS_RUNDIR": str(self.folder)}
        done = subprocess.run([*command, log], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self._pids[program] = int(pid_file.read_text())


def _runs(pid: int) -> bool:
    """Whether the process is more than a zombie, which init may be slow to collect."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def open_vswitch(folder: Path) -> Iterator[OpenVSwitch]:
    """Both daemons running; bridges are removed and the daemons stopped in the end."""
    made = OpenVSwitch(folder)
    try:
        made.start_database()
        made.start_switch()
        yield made
        if {"ovsdb-server", "ovs-vswitchd"} <= made._pids.keys():
            for bridge in made.vsctl("list-br").split():
                made.vsctl("del-br", bridge)
    finally:
        made.stop_all()
