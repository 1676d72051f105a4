"""Commands of CloudStack's extension, and what their answers print."""

from __future__ import annotations

import json
import re

from sdn_orch.intent.model import Network
from sdn_orch.northbound.extension import commands
from sdn_orch.northbound.extension.cloud import find_id
from sdn_orch.northbound.operator import custom_actions
from sdn_orch.northbound.operator.declare import Asked
from sdn_orch.northbound.operator.models import ExtensionCommand

#: Seconds for which further commands about the same network are waited for.
_COMPLETED_AFTER = 2.0


def run(asked: Asked) -> str:
    """Carry the command out; what CloudStack is to read of it. Raises what is wrong with it."""
    name, said = asked.path["command"], asked.body
    if name == "custom-action":
        return custom_actions.run(asked.view, asked.service.snapshot, said.cloud, said.payload)
    commands.run(asked.service, said.cloud, name, said.payload)
    _complete(asked, said)
    return _segment(asked, said) if name == "implement-network" else ""


def _complete(asked: Asked, said: ExtensionCommand) -> None:
    """Have filled in what commands do not say; a restart has taken it away."""
    worker = asked.sync.worker if asked.sync is not None else None
    if worker is None or said.cloud != worker.sync.cloud:
        return
    for kind in ("network", "vpc"):
        name = str(said.payload.get(f"{kind}_id") or "")
        if name.isdigit():
            worker.read_again(worker.sync.groups_named(kind, name), after=_COMPLETED_AFTER)


def _segment(asked: Asked, said: ExtensionCommand) -> str:
    """How the network is told apart, where CloudStack has forgotten it or leaves it to us.

    Its VLAN where it has one, else its UUID here: Open vSwitch's ports carry their NIC's UUID then.
    """
    vlan = str(said.payload.get("vlan") or "")
    number = re.fullmatch(r"\d+", vlan, re.ASCII)
    if number and not said.chooses_segments:
        return ""
    snapshot = asked.service.snapshot
    network = snapshot.need(
        Network, find_id(snapshot, said.cloud, "network", str(said.payload["network_id"]))
    )
    kind, uri = ("Vlan", f"vlan://{network.vlan}") if network.vlan else ("Lswitch", f"lswitch:{network.id}")
    if network.vni is not None:
        kind, uri = "Vxlan", f"vxlan://{network.vni}"
    return json.dumps({"network.broadcast_domain_type": kind, "network.broadcast_uri": uri})
