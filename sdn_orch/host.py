"""What makes a host with Open vSwitch an edge: its integration bridge, as the words of ovs-vsctl(8)."""

from __future__ import annotations

from sdn_orch.config import Config, Switch
from sdn_orch.errors import Invalid
from sdn_orch.intent.model import Transport

#: The tunnel port's name. One is enough for all peers: each packet says where it goes.
TUNNEL = "vxlan0"
_VERSIONS = "OpenFlow13,OpenFlow14,OpenFlow15"


def find(config: Config, name: str) -> Switch:
    """The switch in the configuration. Raises Invalid."""
    for switch in config.switches:
        if switch.name == name:
            return switch
    raise Invalid(f"{name} is not under [[switches]] of the configuration")


def controller_of(config: Config, given: str | None) -> str:
    """Where the bridge seeks the controller: as given, else where it listens. Raises Invalid."""
    listen = config.openflow.listen
    if given is not None:
        return given
    if listen.host in ("0.0.0.0", "::"):  # noqa: S104 (what it listens on is looked at, nothing is opened)
        raise Invalid(f"[openflow] listens on {listen}: say with --controller how the host reaches it")
    return f"{'ssl' if config.openflow.tls else 'tcp'}:{listen}"


def preparation(config: Config, switch: Switch, bridge: str, controller: str, datapath: str) -> list[str]:
    """One transaction: made so whatever was there; what else is on the bridge stays."""
    words = ["--may-exist", "add-br", bridge, "--", "set", "bridge", bridge, f"datapath_type={datapath}"]
    words += ["fail_mode=secure", f"protocols={_VERSIONS}", f"other_config:datapath-id={switch.dpid:016x}"]
    # Controllers that are set again are left and sought anew, even where they are the same.
    words += ["--", "set-controller", bridge, controller] if controller else []
    if (switch.transport or config.fabric.transport) is Transport.VXLAN:
        own = f"options:local_ip={switch.tunnel_address or 'flow'}"
        words += ["--", "--may-exist", "add-port", bridge, TUNNEL, "--", "set", "interface", TUNNEL]
        words += ["type=vxlan", "options:remote_ip=flow", "options:key=flow", own]
        words += [f"ofport_request={switch.underlay}"]
    return words
