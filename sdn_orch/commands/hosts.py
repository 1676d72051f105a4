"""`host`: makes a host's Open vSwitch an edge."""

from __future__ import annotations

import shlex
import subprocess
from typing import Annotated

import typer

from sdn_orch.commands.common import REFUSED, WRONG, ConfigOption, configuration, fail
from sdn_orch.errors import Invalid

app = typer.Typer(help="Hosts with Open vSwitch, as edges.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="SWITCH", help="Its name under [[switches]].")]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--db", metavar="ENDPOINT", help="Its database, as tcp:192.0.2.11:6640 [default: that of this host]"
    ),
]
BridgeOption = Annotated[str, typer.Option("--bridge", help="The bridge that machines are plugged into.")]
ControllerOption = Annotated[
    str | None,
    typer.Option(
        "--controller", metavar="TARGET", help="How it reaches the controller [default: where that listens]"
    ),
]
DatapathOption = Annotated[str, typer.Option("--datapath", help="The kernel's, system, or netdev.")]
PrintOption = Annotated[bool, typer.Option("--print", help="Print the command and do nothing.")]

#: Seconds for Open vSwitch to have taken it over.
_TIMEOUT = "20"


@app.command()
def prepare(
    name: NameArgument,
    db: DatabaseOption = None,
    bridge: BridgeOption = "br-int",
    controller: ControllerOption = None,
    datapath: DatapathOption = "system",
    show: PrintOption = False,
    config: ConfigOption = None,
) -> None:
    """Make the bridge, secure and with the controller, and a tunnel port where the transport is vxlan.

    The configuration says which datapath id, transport and tunnel address it has. Done again nothing changes.
    """
    from sdn_orch import host

    loaded = configuration(config)
    try:
        switch, target = host.find(loaded, name), host.controller_of(loaded, controller)
    except Invalid as invalid:
        fail(WRONG, *invalid.faults)
    command = ["ovs-vsctl", f"--timeout={_TIMEOUT}", *([f"--db={db}"] if db else [])]
    if show:
        words = host.preparation(loaded, switch, bridge, target, datapath)
        return print(shlex.join([*command, *words]))
    known = _run(*command, "--if-exists", "get", "bridge", bridge, "name") and _run(
        *command, "get-controller", bridge
    )
    changed = "" if known.split() == [target] else target
    _run(*command, *host.preparation(loaded, switch, bridge, changed, datapath))
    print(f"bridge {bridge} is switch {name}, datapath id {switch.dpid:016x}, with the controller {target}")
    return None


def _run(*command: str) -> str:
    """What it prints; leaves with what it says where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        fail(REFUSED, f"{command[0]}: {error.strerror}; run this where Open vSwitch is, or see --print")
    if done.returncode:
        fail(REFUSED, *(done.stderr or done.stdout).strip().splitlines())
    return done.stdout
