"""A daemon as a process of its own, with edges of an Open vSwitch of its own, for tests of faults."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.ovs.bridges import run
from tests.ovs.private import OpenVSwitch, open_vswitch
from topologies.controller import Controller
from topologies.demo.machines import Machine
from topologies.demo.tenants import ISOLATED, Cloudstack, Tenant

_numbers = count()


class Site:
    """Two edges with a cable between them, and one tenant with a network once `tenant` is called.

    `settings` are sections of the configuration.
    """

    def __init__(self, folder: Path, ovs: OpenVSwitch, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.ovs = ovs
        mark = f"so{os.getpid() % 100_000}x{next(_numbers)}"
        self.bridges = {"leaf1": f"{mark}a", "leaf2": f"{mark}b"}
        self.dpids = {name: 0xFA0000 + number for number, name in enumerate(self.bridges)}
        rows = [{"name": name, "dpid": dpid} for name, dpid in self.dpids.items()]
        self.controller = Controller(folder, rows, settings, databases=[ovs.remote])
        self.cloudstack: Cloudstack
        self.red: Tenant
        self.network: tuple[str, str]

    def start(self, scheme: str = "tcp") -> None:
        """Start the daemon and the edges, and wait until all is in sync and the cable seen."""
        self.controller.start()
        for name, bridge in self.bridges.items():
            self.ovs.add_bridge(bridge, f"other-config:datapath-id={self.dpids[name]:016x}")
        a, b = self.bridges.values()
        for near, far in ((a, b), (b, a)):
            self.patch(near, f"{near}-up", f"{far}-up", 100)
            self.connect(near, scheme)
        self.settle()
        self.controller.wait(lambda: self.links() == [True], "the cable to be seen")

    def settle(self) -> None:
        """Until every edge holds what it should."""
        self.controller.wait(self.in_sync, "both edges to be in sync")

    def in_sync(self) -> bool:
        return set(self.phases().values()) == {"in-sync"}

    def stranger(self, suffix: str, dpid: int) -> None:
        """One more bridge, connected to the daemon, with a flow of its own."""
        bridge = self.bridges["leaf1"][:-1] + suffix
        self.ovs.add_bridge(bridge, f"other-config:datapath-id={dpid:016x}")
        self.bridges[suffix] = bridge
        self.connect(bridge)
        # Open vSwitch empties a bridge that is given its first controller.
        self.ofctl(suffix, "add-flow", "table=3,priority=7,ip,actions=drop")

    def connect(self, bridge: str, scheme: str = "tcp") -> None:
        """Give a bridge our controller."""
        self.ovs.vsctl("set-controller", bridge, f"{scheme}:127.0.0.1:{self.controller.openflow_port}")

    def patch(self, bridge: str, port: str, peer: str, number: int, *settings: str) -> None:
        """A port that needs no device of the machine's."""
        columns = ("type=patch", f"options:peer={peer}", f"ofport_request={number}", *settings)
        self.ovs.vsctl("add-port", bridge, port, "--", "set", "interface", port, *columns)

    def plug(self, switch: str, machine: Machine) -> None:
        """Put a machine's NIC at a port of an edge, as libvirt does."""
        port = f"{self.bridges[switch]}-{machine.name}"
        ids = (f"external_ids:iface-id={machine.nic_id}", f'external_ids:attached-mac="{machine.mac}"')
        self.patch(self.bridges[switch], port, "nowhere", 1 + int(machine.name[1:]), *ids)

    def tenant(self) -> None:
        """The zone, a tenant and its network."""
        self.cloudstack = Cloudstack(self.controller)
        self.red = self.cloudstack.tenant("red")
        made = self.cloudstack.network(self.red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        self.network = ("red-net", made)

    def machine(self, number: int) -> Machine:
        """A machine of the tenant, called m and its number."""
        name = f"m{number}"
        return self.cloudstack.machine(self.red, name, name, self.network)

    def populate(self, machines: int = 4) -> list[Machine]:
        """The tenant with machines on both edges by turns, all realised."""
        self.tenant()
        made = [self.machine(number) for number in range(machines)]
        for number, machine in enumerate(made):
            self.plug(tuple(self.bridges)[number % 2], machine)
        self.wait_realised(*made)
        return made

    def wait_realised(self, *machines: Machine) -> None:
        wanted = {machine.nic_id for machine in machines}

        def realised() -> bool:
            rows = self.controller.ask_all("/v1/ports")
            return wanted <= {row["id"] for row in rows if row["condition"] == "realised"}

        self.controller.wait(realised, "the NICs to be realised")

    # --- what there is ----------------------------------------------------------------------------

    def switches(self) -> dict[str, dict[str, Any]]:
        """What the daemon says of each switch, by name."""
        return {row["name"]: row for row in self.controller.ask("/v1/status")["switches"]}

    def phases(self) -> dict[str, str]:
        return {name: row["phase"] for name, row in self.switches().items()}

    def sent(self) -> dict[str, int]:
        return {name: row["sent"] for name, row in self.switches().items()}

    def links(self) -> list[bool]:
        return [link["up"] for link in self.controller.ask("/v1/topology")["links"]]

    def differences(self) -> list[Any]:
        """What would have to be sent to make the edges right, as they are read now."""
        return [operation for row in self.controller.ask("/v1/plan") for operation in row["operations"]]

    def flows(self, switch: str) -> list[str]:
        """The flows of an edge as it says itself, without what changes by itself."""
        text = self.ofctl(switch, "dump-flows", "--no-stats")
        return sorted(line.strip() for line in text.splitlines() if "priority=" in line or "table=" in line)

    def ofctl(self, switch: str, command: str, *arguments: str) -> str:
        """Run ovs-ofctl on an edge."""
        place = f"unix:{self.ovs.folder}/{self.bridges[switch]}.mgmt"
        options = [word for word in arguments if word.startswith("--")]
        rest = [word for word in arguments if not word.startswith("--")]
        return run("ovs-ofctl", "-O", "OpenFlow15", *options, command, place, *rest)

    def log(self) -> str:
        return self.controller.log.read_text()

    def wait_log(self, *texts: str) -> None:
        """Until all these stand in one line of the log."""
        self.controller.wait(
            lambda: any(all(text in line for text in texts) for line in self.log().splitlines()),
            f"{texts} in the log",
        )


@contextmanager
def prepared(folder: Path, **settings: Mapping[str, Any]) -> Iterator[Site]:
    """A site that is to be started; all of it goes in the end."""
    with open_vswitch(folder) as ovs:
        made = Site(folder, ovs, settings)
        try:
            yield made
        finally:
            made.controller.stop()


@contextmanager
def site(folder: Path, **settings: Mapping[str, Any]) -> Iterator[Site]:
    """A site that has been started."""
    with prepared(folder, **settings) as made:
        made.start()
        yield made


def refused(controller: Controller) -> subprocess.CompletedProcess[str]:
    """A start of the daemon that is expected to fail by itself."""
    return subprocess.run(
        controller.command_line("controller"), capture_output=True, text=True, timeout=20, check=False
    )
