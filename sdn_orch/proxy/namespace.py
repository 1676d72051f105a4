"""Where a proxy lives: a network namespace, with a port of the gateway's bridge that is its NIC's."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from sdn_orch.errors import SdnOrchError
from sdn_orch.northbound.operator.models_proxies import ProxyAnswer

#: Of a hash of bridge and NIC, as much as fits into the name of a network interface.
_BYTES = 6
_INSIDE = "eth0"
#: Marks the ports that are ours, in Open vSwitch.
_MARK = "sdn-orch-proxy"


class Failed(SdnOrchError):
    """A command of the system was refused."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """That of one NIC, by the bridge that it is plugged into."""

    bridge: str
    digits: str

    @classmethod
    def of(cls, bridge: str, nic: str) -> Namespace:
        """That of the NIC with this id."""
        return cls(bridge, blake2b(f"{bridge} {nic}".encode(), digest_size=_BYTES).hexdigest())

    @property
    def name(self) -> str:
        """As `ip netns` has it."""
        return f"{_prefix(self.bridge)}{self.digits}"

    @property
    def port(self) -> str:
        """The interface on the side of the bridge."""
        return f"px{self.digits}"

    def make(self, proxy: ProxyAnswer) -> None:
        """The namespace with its addresses, so made whatever was there. Raises Failed."""
        if self.name not in _namespaces():
            self._unwire()
            run("ip", "netns", "add", self.name)
        if not self._is_wired():
            run("ip", "link", "add", self.port, "type", "veth", "peer", _INSIDE, "netns", self.name)
            # A datapath in userspace passes unfinished checksums on as they are.
            run("ip", "netns", "exec", self.name, "ethtool", "-K", _INSIDE, "tx", "off")
        inside = ("ip", "-n", self.name)
        for name in ("all", "default"):
            setting = f"net.ipv6.conf.{name}.disable_ipv6=1"
            run("ip", "netns", "exec", self.name, "sysctl", "-q", "-w", setting)
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", _INSIDE, "address", proxy.mac, "mtu", str(proxy.mtu), "up")
        run("ip", "link", "set", self.port, "mtu", str(proxy.mtu), "up")
        run(*inside, "address", "replace", proxy.address, "dev", _INSIDE)
        run(*inside, "route", "replace", "default", "via", proxy.gateway)

    def plug(self, proxy: ProxyAnswer) -> None:
        """Tell Open vSwitch whose the port is, as if anew: the newest word counts. Raises Failed."""
        add = ("--may-exist", "add-port", self.bridge, self.port)
        forget = ("remove", "Interface", self.port, "external_ids", "iface-id")
        run(
            *_OVS,
            *add,
            "--",
            "set",
            "Interface",
            self.port,
            f"external_ids:{_MARK}={self.bridge}",
            "--",
            *forget,
        )
        run(*_OVS, "set", "Interface", self.port, f"external_ids:iface-id={proxy.nic}")

    def unplug(self) -> None:
        """Nothing comes to it any more. Raises Failed."""
        run(*_OVS, "--if-exists", "del-port", self.bridge, self.port)

    def remove(self) -> None:
        """All of it, as far as it is there. Raises Failed."""
        self.unplug()
        self._unwire()
        if self.name in _namespaces():
            run("ip", "netns", "delete", self.name)

    def _unwire(self) -> None:
        """A namespace that is deleted lives on with its interfaces as long as anything in it does."""
        if self._is_wired():
            run("ip", "link", "delete", self.port)

    def _is_wired(self) -> bool:
        return Path("/sys/class/net", self.port).exists()


def known(bridge: str) -> set[Namespace]:
    """Those of a bridge of which anything is there, whoever made it. Raises Failed."""
    prefix = _prefix(bridge)
    found = {name.removeprefix(prefix) for name in _namespaces() if name.startswith(prefix)}
    mine = f"external_ids:{_MARK}={bridge}"
    ports = run(*_OVS, "--bare", "--no-headings", "--columns=name", "find", "Interface", mine).split()
    return {Namespace(bridge, digits) for digits in found | {port.removeprefix("px") for port in ports}}


def datapath_id(bridge: str) -> str:
    """The datapath id of a bridge. Raises Failed."""
    return run(*_OVS, "get", "Bridge", bridge, "datapath_id").strip().strip('"')


def run(*command: str) -> str:
    """What a command prints. Raises Failed with what it says of its failure."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


_OVS = ("ovs-vsctl", "--timeout=10")


def _prefix(bridge: str) -> str:
    return f"{_MARK}.{bridge}."


def _namespaces() -> set[str]:
    """Those of this machine, by name."""
    return {row["name"] for row in json.loads(run("ip", "-json", "netns", "list") or "[]")}
