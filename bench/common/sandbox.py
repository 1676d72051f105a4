"""A place of its own for a benchmark: private namespaces with an Open vSwitch that nobody else uses.

The process starts itself again as the first of new network, process and mount namespaces with an empty
/run. So ovs-vsctl and the like find the private Open vSwitch where they always look, nothing else on the
machine is touched, and whatever way the benchmark ends, the kernel ends all that it started with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_INSIDE = "SDN_ORCH_BENCH_INSIDE"
_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
RUN = Path("/run/openvswitch")


def run(*command: str | Path, input: str | None = None) -> str:
    """Run a program and give its output. Raises CalledProcessError, with what it said in the message."""
    done = subprocess.run(
        [str(word) for word in command], input=input, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise subprocess.CalledProcessError(
            done.returncode, f"{' '.join(map(str, command))[:200]}: {said[:2000]}"
        )
    return done.stdout


def need_root() -> None:
    """Ends the process where it may not make what benchmarks need."""
    if os.geteuid() != 0:
        sys.exit("benchmarks need root (network namespaces and Open vSwitch)")


def inside(body: Callable[[], None], module: str) -> None:
    """Run `body` in the sandbox; `module` is what `python -m` starts. Ends the process."""
    if os.environ.get(_INSIDE) != "1":
        need_root()
        os.environ[_INSIDE] = "1"
        namespaces = ("--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
        os.execvp("unshare", ["unshare", *namespaces, sys.executable, "-m", module, *sys.argv[1:]])
    _leave_the_first_process()
    run("mount", "-t", "tmpfs", "none", "/run")
    # The old one would show the interfaces of the network namespace that we came from.
    run("mount", "-t", "sysfs", "none", "/sys")
    for directory in (RUN, Path("/run/netns"), Path("/run/lock")):
        directory.mkdir()
    run("ip", "link", "set", "lo", "up")
    body()
    sys.stdout.flush()


def _leave_the_first_process() -> None:
    """Go on in a child; the first process of the namespace inherits all daemons and has to reap them."""
    child = os.fork()
    if child == 0:
        return
    while True:
        try:
            ended, status = os.wait()
        except KeyboardInterrupt:
            continue
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def start_open_vswitch(*, dummy: bool = False) -> None:
    """Start a fresh Open vSwitch (userspace datapath) in the sandbox; `dummy`: with ports of type dummy.

    Those are ports without an interface behind them, of which there can be tens of thousands.
    """
    database = RUN / "conf.db"
    run("ovsdb-tool", "create", database, _SCHEMA)
    run(
        "ovsdb-server",
        database,
        f"--remote=punix:{RUN}/db.sock",
        "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
        "--pidfile",
        "--detach",
        "--no-chdir",
        "-vconsole:off",
        "-vsyslog:off",
    )
    run("ovs-vsctl", "--no-wait", "init")
    # The log stays in /run, so that it goes with the sandbox.
    run(
        "ovs-vswitchd",
        "--pidfile",
        "--detach",
        "--no-chdir",
        "-vconsole:off",
        "-vsyslog:off",
        f"--log-file={RUN}/ovs-vswitchd.log",
        *(["--enable-dummy"] if dummy else []),
    )


def computed() -> float:
    """Processor seconds that Open vSwitch has used since its start."""
    pid = (RUN / "ovs-vswitchd.pid").read_text().strip()
    # Behind the name, which is in parentheses: user and system time are the twelfth and thirteenth.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def add_bridge(name: str, dpid: int, *settings: str) -> None:
    """A bridge of the userspace datapath that forwards nothing by itself."""
    run(
        *("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev"),
        *("fail_mode=secure", f"other_config:datapath-id={dpid:016x}", *settings),
    )


def set_controller(name: str, port: int) -> None:
    """Connect a bridge to a controller on the loopback."""
    run("ovs-vsctl", "set-controller", name, f"tcp:127.0.0.1:{port}")
    # Out of band, and patient while one message after another keeps the switch's main thread busy.
    for controller in run("ovs-vsctl", "get", "bridge", name, "controller").strip("[] \n").split(","):
        run(
            *("ovs-vsctl", "set", "controller", controller.strip()),
            *("connection_mode=out-of-band", "inactivity_probe=30000", "max_backoff=1000"),
        )
