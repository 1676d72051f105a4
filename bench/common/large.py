"""A running daemon with a made-up cloud of any size, on as many bridges of the sandbox's Open vSwitch.

Everything is as in a real one but the machines: the store has their records, the configuration says on
which ports they are, and the switches hold their rules. A few of the networks are made through the API,
so that a client can add machines to them; the rest is written into the store before the daemon starts.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from bench.common.cloud import FIRST_ACCESS_PORT, Size, network, nic
from bench.common.sandbox import run
from sdn_orch.intent.model import Account, Record
from sdn_orch.intent.snapshot import Put
from sdn_orch.northbound import kinds as _kinds  # noqa: F401 (the store needs to know its records)
from sdn_orch.store.sqlite import SqliteStore
from topologies.controller import Controller
from topologies.demo.tenants import ISOLATED, Cloudstack, Tenant

#: Networks that are made through the API.
_OPEN_NETWORKS = 10


class LargeCloud:
    """See the module; `future` NICs have a port in the configuration before they exist.

    Of the switches only those `present` have a bridge; the others stay unconnected.
    """

    def __init__(self, size: Size, future: int = 0, present: Collection[str] | None = None) -> None:
        self.size = size
        self._present = present
        self._directory = Path(tempfile.mkdtemp(prefix="sdn-orch-bench-"))
        self.leaves = [f"leaf{number}" for number in range(1, size.leaves + 1)]
        self.spines = [f"spine{number}" for number in range(1, size.spines + 1)]
        rows = [{"dpid": dpid, "name": name} for dpid, name in enumerate(self.leaves, 1)]
        rows += [
            {"dpid": 0x10000 + number, "name": name, "role": "fabric"}
            for number, name in enumerate(self.spines, 1)
        ]
        self._dpids: dict[str, int] = {row["name"]: row["dpid"] for row in rows}  # type: ignore[misc]
        self.controller = Controller(self._directory, rows, {"discovery": {"enabled": False}})
        with self.controller.configuration.open("a") as file:
            file.writelines(line + "\n" for line in self._more_configuration(size.nics + future))
        self.networks: list[str] = []
        self._size_of_machines = self._template = ""
        self.tenant: Tenant
        self.cloudstack: Cloudstack

    def _more_configuration(self, nics: int) -> Iterator[str]:
        for leaf in range(1, self.size.leaves + 1):
            for spine in range(1, self.size.spines + 1):
                yield f'[[links]]\na = "leaf{leaf}:{spine}"\nb = "spine{spine}:{leaf}"'
        for number in range(1, nics + 1):
            yield f'[[attachments]]\nmac = "{mac_of(number)}"\nport = "{self.place_of(number)}"'

    def place_of(self, number: int) -> str:
        """Where the NIC with this number is, as switch:port."""
        port, leaf = divmod(number - 1, self.size.leaves)
        return f"leaf{leaf + 1}:{FIRST_ACCESS_PORT + port}"

    def start(self) -> None:
        """Fill the store, start the daemon and the switches, and wait until all are in sync."""
        self.controller.start()
        self.cloudstack = Cloudstack(self.controller)
        self.tenant = self.cloudstack.tenant("tenant")
        call = self.tenant.call
        self._size_of_machines = call.listServiceOfferings()["serviceoffering"][0]["id"]
        self._template = call.listTemplates(templatefilter="executable")["template"][0]["id"]
        for number in range(1, min(_OPEN_NETWORKS, self.size.networks) + 1):
            gateway, prefix = f"10.255.{number}.1", f"fd00:0:0:{number:x}::/64"
            if self.size.network_size > 200:
                raise ValueError("a network that is made through the API is a /24")
            self.networks.append(
                self.cloudstack.network(self.tenant, f"open{number}", ISOLATED, gateway, prefix)
            )
        for number in range(1, min(len(self.networks) * self.size.network_size, self.size.nics) + 1):
            self.deploy(number, (number - 1) // self.size.network_size + 1)
        self.controller.stop()
        self._fill()
        self.controller.start(patience=120)
        self._add_bridges()
        self.wait_in_sync()

    def deploy(self, number: int, home: int, *, wait: bool = True) -> None:
        """Deploy a machine with the NIC of this number through the API, in open network number `home`.

        With `wait` until its job is done, else until the API has answered, which it does once the machine
        is in the store.
        """
        self.tenant.call.deployVirtualMachine(
            fetch_result=wait,
            name=f"vm{number}",
            zoneid=self.cloudstack.zone,
            serviceofferingid=self._size_of_machines,
            templateid=self._template,
            networkids=self.networks[home - 1],
            macaddress=mac_of(number),
        )

    def stop(self) -> None:
        """Stop the daemon and remove its files; the bridges go with the sandbox."""
        self.controller.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _fill(self) -> None:
        store = SqliteStore(self.controller.store)
        snapshot = store.snapshot()
        [account] = snapshot.where(Account, "name", "tenant")
        records: list[Record] = []
        for number in range(1, self.size.networks + 1):
            if number <= len(self.networks):
                continue
            home = network(number, self.size, account.id)
            records.append(home)
            before = (number - 1) * self.size.network_size
            for place in range(min(self.size.network_size, self.size.nics - before)):
                records.append(nic(before + place + 1, home, place + 2))
        store.commit([Put(record) for record in records], snapshot.revision)
        store.close()

    def _add_bridges(self) -> None:
        """A bridge for each switch that is present, connected to the daemon."""
        words: list[str] = []
        for name, dpid in self._dpids.items():
            if self._present is not None and name not in self._present:
                continue
            words += [
                *("--", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev"),
                *("fail_mode=secure", f"other_config:datapath-id={dpid:016x}"),
                "protocols=OpenFlow13,OpenFlow14,OpenFlow15",
                *("--", "set-controller", name, f"tcp:127.0.0.1:{self.controller.openflow_port}"),
                *("--", "set", "controller", name, "connection_mode=out-of-band"),
                *("inactivity_probe=30000", "max_backoff=1000"),
            ]
        run("ovs-vsctl", *words)

    def switches(self) -> list[dict[str, Any]]:
        """What the daemon says of its switches."""
        rows: list[dict[str, Any]] = self.controller.ask("/v1/status")["switches"]
        return rows

    def wait_in_sync(self, patience: float = 300.0) -> None:
        """Until every NIC has its place, every switch is in sync, and nothing was sent for a second."""
        deadline = time.monotonic() + patience
        sent = -1
        while True:
            status = self.controller.ask("/v1/status")
            placed = status["objects"]["attachment"] >= status["objects"]["nic"]
            phases = {row["name"]: row["phase"] for row in status["switches"]}
            in_sync = all(phases[name] == "in-sync" for name in self._present or phases)
            if placed and in_sync and sent == (sent := sum(row["sent"] for row in status["switches"])):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"not in sync after {patience:g} s: {json.dumps(status)[:2000]}")
            time.sleep(1)


def mac_of(number: int) -> str:
    """The MAC address of the NIC with this number."""
    return (0x06 << 40 | number).to_bytes(6, "big").hex(":")
