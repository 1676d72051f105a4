"""A cloud in one box: a Mininet fabric, a controller beside it, and hosts that become tenants' machines.

The demonstration and the end-to-end tests both stand on it. Everything it makes is in its footprint, so
leaving the `with` block, and the next run after a SIGKILL, remove exactly that.

    with Cloud(LeafSpine) as cloud:
        cloud.start()
        cloud.plug([("h1", nic_id, mac)])  # what libvirt would tell Open vSwitch
        cloud.lease4("h1")                 # a real DHCP client
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from mininet.link import Intf
from mininet.topo import Topo

from sdn_orch.config import Switch as SwitchRow
from topologies.controller import SYSTEM_DATABASE, Controller, Sections
from topologies.footprint import claim, remove_leftovers
from topologies.parts import MarkedNetwork, bind_port, ovs_vsctl

#: Hosts share the machine's file system, and Debian's dhclient-script would write the machine's own
#: /etc/resolv.conf and host name. These hooks, which only hosts see, write down what was told instead.
_HOOK = """\
make_resolv_conf() {{ :; }}
set_hostname() {{ :; }}
case $reason in
    BOUND | RENEW | REBIND | REBOOT) env | grep '^new_' > "{directory}/$interface.lease4" ;;
    BOUND6 | RENEW6 | REBIND6) env | grep '^new_' > "{directory}/$interface.lease6" ;;
esac
"""


class Cloud:
    """See the module. `settings` are sections of the controller's configuration, `attachments` rows of it.

    A switch of the topology is the controller's if it has a role; what else its node says that the
    configuration has a name for (`transport`, `underlay`, …) is configured too.
    """

    def __init__(
        self,
        topology: Callable[..., Topo],
        settings: Sections | None = None,
        attachments: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        remove_leftovers()
        self._footprint = claim()
        self.directory = self._footprint.directory
        self.topo = topology(prefix=self._footprint.prefix)
        #: The switches that the controller has to do with, by their whole names.
        self._managed = [switch for switch in self.topo.switches() if "role" in self.topo.nodeInfo(switch)]
        self.controller = Controller(
            self.directory,
            [self._row(switch) for switch in self._managed],
            settings or {},
            databases=self._databases(),
            attachments=attachments,
            openflow_host=self._openflow_host(),
        )
        self._network: MarkedNetwork | None = None

    def __enter__(self) -> Cloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the controller and the fabric."""
        self.controller.start()
        self.start_fabric()

    def close(self) -> None:
        """Remove everything: the controller, the switches and hosts, the directory."""
        self.controller.stop()
        if self._network:
            self._network.stop()
        else:
            self._footprint.remove()

    # --- the fabric -------------------------------------------------------------------------------

    @property
    def network(self) -> MarkedNetwork:
        """Mininet's network. Raises RuntimeError before `start_fabric`."""
        if self._network is None:
            raise RuntimeError("the fabric was not started")
        return self._network

    def start_fabric(self) -> None:
        """Make switches, cables and hosts, and wait until all switches are in sync and all cables seen."""
        hooks = self.directory / "dhclient-enter-hooks.d"
        hooks.mkdir()
        (hooks / "sdn-orch").write_text(_HOOK.format(directory=self.directory))
        if self._network is None:
            self._build()
        self.network.start()
        for host in self.network.hosts:
            # A host has a mount namespace of its own.
            host.cmd(f"mount --bind {hooks} /etc/dhcp/dhclient-enter-hooks.d")
        self.controller.wait(self.in_sync, "all switches to be in sync and all cables to be seen", 30)

    def in_sync(self) -> bool:
        """Whether every switch holds what it should, and every cable is known and up."""
        answer = self.controller.ask("/v1/topology")
        phases = [switch["phase"] for switch in answer["switches"]]
        ready = len(phases) == len(self._managed) and set(phases) <= {"in-sync"}
        return ready and sum(link["up"] for link in answer["links"]) >= len(self.cables())

    def crash(self) -> None:
        """The controller dies, comes back and finds every switch in sync."""
        self.controller.kill()
        self.controller.start()
        self.controller.wait(self.in_sync, "the switches to be in sync again", 30)

    def switches(self) -> list[str]:
        """The switches of the controller, without the footprint's prefix."""
        return [self._plain(switch) for switch in self._managed]

    def cables(self) -> list[tuple[str, str]]:
        """The links between switches of the controller."""
        switches = set(self._managed)
        pairs = [(a, b) for a, b in self.topo.links() if a in switches and b in switches]
        return [(self._plain(a), self._plain(b)) for a, b in pairs]

    def node(self, name: str) -> Any:
        """A host, or a switch by its name without the footprint's prefix."""
        known = self.network.nameToNode
        return known[name] if name in known else known[self._footprint.prefix + name]

    def interface(self, switch: str, neighbour: str) -> str:
        """The name of the switch's interface towards a neighbour, host or switch."""
        near, _far = self.node(switch).connectionsTo(self.node(neighbour))[0]
        return str(near.name)

    def set_cable(self, a: str, b: str, up: bool) -> None:
        """Cut or mend the cable between two switches."""
        subprocess.run(["ip", "link", "set", self.interface(a, b), "up" if up else "down"], check=True)

    @contextmanager
    def cut_off(self, gateway: str, address: str) -> Iterator[None]:
        """The gateway at which a public address lives loses its cables, and gets them back afterwards."""
        cables = [cable for cable in self.cables() if gateway in cable]
        for cable in cables:
            self.set_cable(*cable, up=False)
        try:
            self.controller.wait(lambda: self.home(address) not in ("", gateway), "the address to move")
            yield
        finally:
            for cable in cables:
                self.set_cable(*cable, up=True)
        self.controller.wait(lambda: self.home(address) == gateway, "the address to come back")

    def _build(self) -> None:
        """Make the nodes and what lies between them."""
        self._network = MarkedNetwork(self.topo, self._footprint, self.controller.openflow_port)

    def _databases(self) -> Sequence[str]:
        """Where the controller hears whose a port is."""
        return (SYSTEM_DATABASE,)

    def _openflow_host(self) -> str:
        """The address at which switches reach the controller."""
        return "127.0.0.1"

    def _row(self, switch: str) -> dict[str, Any]:
        """A switch as the configuration names it."""
        info = self.topo.nodeInfo(switch)
        return {"name": self._plain(switch)} | {
            key: info[key] for key in SwitchRow.model_fields if key in info
        }

    def _plain(self, name: str) -> str:
        return str(name).removeprefix(self._footprint.prefix)

    # --- machines ---------------------------------------------------------------------------------

    def plug(self, plugs: Iterable[tuple[str, str, str]]) -> None:
        """Make hosts the machines behind NICs, given as (host, NIC id, MAC)."""
        plugs = list(plugs)
        for name, _, mac in plugs:
            interface = self.node(name).defaultIntf()
            # Down and up again, so that the host asks for routers anew under its address.
            interface.node.cmd(f"ip link set {interface} down; ip link set {interface} address {mac} up")
        self.bind(plugs)

    def bind(self, plugs: Iterable[tuple[str, str, str]]) -> None:
        """Tell Open vSwitch whose the hosts' ports are, in one transaction a database."""
        words: dict[str, list[str]] = {}
        for name, nic_id, mac in plugs:
            far = _far_end(self.node(name).defaultIntf())
            if far.node.name not in self._managed:
                continue  # behind a trunk: the configuration says where
            words.setdefault(far.node.database, []).extend(bind_port(far.name, nic_id, mac))
        for database, told in words.items():
            ovs_vsctl(f"--db={database}", *told)

    def lets_in(self, host: str, mac: str) -> bool:
        """Whether a host's switch takes frames of a MAC address from it for a NIC's, by its own word."""
        here = _far_end(self.node(host).defaultIntf())
        where = f"table=0,in_port={here.node.ports[here]},dl_src={mac}"
        said = subprocess.run(
            ["ovs-ofctl", "-O", "OpenFlow13,OpenFlow15", "dump-flows", here.node.ofctl, where],
            check=True,
            capture_output=True,
            text=True,
        )
        return "actions=" in said.stdout

    def unplug(self, host: str) -> None:
        """Take the NIC's place away, as libvirt does when a machine leaves."""
        far = _far_end(self.node(host).defaultIntf())
        ovs_vsctl(f"--db={far.node.database}", "clear", "Interface", far.name, "external_ids")

    def bring_back(self, host: str, nic_id: str, mac: str) -> None:
        """Bind a NIC that has moved to the port it came from, and wait until the switches hold its rules.

        Open vSwitch 3.1 may go on dropping a flow that its old port sent while nobody was there, as long as
        the flow does not pause (docs/decisions/0012): so its caches are emptied, as an operator would.
        """
        self.bind([(host, nic_id, mac)])
        here = _far_end(self.node(host).defaultIntf())
        port = f"{self._plain(here.node.name)}:{here.node.ports[here]}"

        def is_back() -> bool:
            rows = {row["id"]: row for row in self.controller.ask_all("/v1/ports")}
            return bool(rows[nic_id]["place"] == port)

        self.controller.wait(is_back, f"a NIC to be back at {port}")
        self.wait_realised([nic_id])
        for daemon in {self.node(name).appctl for name in self._managed}:
            subprocess.run(["ovs-appctl", "-t", daemon, "revalidator/purge"], check=True, capture_output=True)

    def wait_realised(self, nic_ids: Iterable[str], patience: float = 20.0) -> None:
        """Until the switches hold the rules of all these NICs."""
        wanted = set(nic_ids)

        def realised() -> bool:
            ready = {
                row["id"] for row in self.controller.ask_all("/v1/ports") if row["condition"] == "realised"
            }
            return wanted <= ready

        self.controller.wait(realised, f"{len(wanted)} NICs to be realised", patience)

    def wait_objects(self, patience: float = 20.0) -> None:
        """Until the switches hold all that was asked for, of every kind that they can hold, and no more."""

        def realised() -> bool:
            items = self.controller.ask_all("/v1/objects")
            waiting = any(row["condition"] == "pending" and row["note"] is None for row in items)
            return not waiting and self.controller.ask("/v1/status")["settled"]

        self.controller.wait(realised, "everything to be realised", patience)

    def row(self, name: str) -> dict[str, Any]:
        """How far the object with a name has come, as the operator's door tells it."""
        found: dict[str, Any] = next(
            row for row in self.controller.ask_all("/v1/objects") if row["name"] == name
        )
        return found

    def home(self, address: str) -> str:
        """The gateway at which a public address lives; empty while it is at none."""
        return next(iter(self.row(address)["realised"]), "")

    @contextmanager
    def serving(self, host: str, port: int, *command: str) -> Iterator[None]:
        """A program runs in a host, and listens at a TCP port."""
        node = self.node(host)
        process = node.popen(list(command), stdout=subprocess.DEVNULL)
        try:
            self.controller.wait(lambda: f":{port} " in node.cmd("ss -Hltn"), f"{command[0]} to listen")
            yield
        finally:
            process.kill()
            process.wait()

    def lease4(self, host: str) -> subprocess.Popen[str]:
        """Start a DHCP client in the host. The process ends once it has an address or gives up."""
        return self._dhclient(host, "4")

    def lease6(self, host: str) -> subprocess.Popen[str]:
        """The same for IPv6, where the router advertisement says that addresses are managed."""
        # The client binds to the link-local address, which must have passed its test for duplicates.
        self.controller.wait(lambda: self.addresses(host, "link"), f"{host} to have a link-local address")
        return self._dhclient(host, "6")

    def offered(self, host: str, version: int = 4) -> dict[str, str]:
        """What the DHCP server told the host last, by dhclient's names (`new_routers`, …)."""
        path = self.directory / f"{self.node(host).defaultIntf()}.lease{version}"
        pairs = (line.partition("=") for line in path.read_text().splitlines()) if path.exists() else ()
        return {name: value for name, _, value in pairs}

    def addresses(self, host: str, scope: str = "global") -> set[str]:
        """The host's addresses of a scope that are ready for use, IPv4 and IPv6."""
        node = self.node(host)
        rows = json.loads(node.cmd(f"ip -json address show dev {node.defaultIntf()}"))[0]["addr_info"]
        return {row["local"] for row in rows if row["scope"] == scope and not row.get("tentative")}

    def _dhclient(self, host: str, version: str) -> subprocess.Popen[str]:
        node = self.node(host)
        stem = f"{self.directory}/{host}.dhclient{version}"
        files = ["-lf", f"{stem}.leases", "-pf", f"{stem}.pid"]
        popen: subprocess.Popen[str] = node.popen(
            ["dhclient", f"-{version}", "-1", "-v", *files, node.defaultIntf().name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return popen


def _far_end(interface: Intf) -> Intf:
    link = interface.link
    return link.intf1 if link.intf2 is interface else link.intf2
