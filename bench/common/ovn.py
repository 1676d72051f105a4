"""Debian's OVN as a peer: one host with services, in the sandbox.

Each logical network has a router, DHCP options and port security, as ours has.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from bench.common import packages
from bench.common.cloud import Size, network, nic
from bench.common.sandbox import RUN, run
from sdn_orch.intent.model import Network, Nic

_UNPACKED = packages.home("ovn")
_HOME = Path("/run/ovn")
_BRIDGE = "br-int"


def fetch() -> str | None:
    """Have it at hand, as `packages.fetch` does."""
    return packages.fetch(_program("ovn-northd"), "ovn", "ovn-common", "ovn-central", "ovn-host")


def _program(name: str) -> Path:
    return _UNPACKED / "usr/bin" / name


class Ovn:
    """A running OVN on the sandbox's Open vSwitch; `start_open_vswitch` comes first."""

    def __init__(self) -> None:
        _HOME.mkdir(exist_ok=True)
        for database in ("nb", "sb"):
            file, socket = _HOME / f"{database}.db", f"punix:{_HOME}/ovn{database}_db.sock"
            run("ovsdb-tool", "create", file, _UNPACKED / f"usr/share/ovn/ovn-{database}.ovsschema")
            control = (f"--unixctl={_HOME}/{database}.ctl", f"--pidfile={_HOME}/{database}.pid")
            run("ovsdb-server", file, f"--remote={socket}", "--detach", "--no-chdir", *control, *_quiet())
        run(
            _program("ovn-northd"),
            f"--ovnnb-db=unix:{_HOME}/ovnnb_db.sock",
            f"--ovnsb-db=unix:{_HOME}/ovnsb_db.sock",
            *("--detach", "--no-chdir", "--pidfile", *_quiet()),
        )
        settings = {
            "system-id": "host1",
            "ovn-remote": f"unix:{_HOME}/ovnsb_db.sock",
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": "127.0.0.1",
            "ovn-bridge-datapath-type": "netdev",
        }
        run("ovs-vsctl", "set", "Open_vSwitch", ".", *(f"external_ids:{k}={v}" for k, v in settings.items()))
        daemon = ("--detach", "--no-chdir", "--pidfile", *_quiet())
        run(_program("ovn-controller"), f"unix:{RUN}/db.sock", *daemon)
        # A client that keeps its copy of the database, so that a call costs what its change costs.
        started = run(_program("ovn-nbctl"), f"--db=unix:{_HOME}/ovnnb_db.sock", *daemon)
        os.environ["OVN_NB_DAEMON"] = started.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all of it and remove its bridge."""
        for file in _HOME.glob("*.pid"):
            os.kill(int(file.read_text()), signal.SIGTERM)
            while file.exists():
                time.sleep(0.005)
        shutil.rmtree(_HOME)
        run("ovs-vsctl", "del-br", _BRIDGE)

    def change(self, words: Sequence[str], *, wait: str = "none") -> None:
        """One transaction of ovn-nbctl; `wait`: "sb" or "hv" for its own word that it has arrived there."""
        run(_program("ovn-nbctl"), f"--wait={wait}", "--timeout=600", *words)

    def restart_controller(self) -> None:
        """End ovn-controller, leaving its flows, and start it again."""
        run(_program("ovn-appctl"), "-t", "ovn-controller", "exit", "--restart")
        while Path(_HOME, "ovn-controller.pid").exists():
            time.sleep(0.005)
        run(
            _program("ovn-controller"),
            f"unix:{RUN}/db.sock",
            *("--detach", "--no-chdir", "--pidfile", *_quiet()),
        )

    def populate(self, size: Size) -> None:
        """All networks and NICs of such a cloud, waiting until the host has taken them in."""
        for number in range(1, size.networks + 1):
            home = network(number, size)
            words = list(_words_of_network(home, number))
            before = (number - 1) * size.network_size
            for place in range(min(size.network_size, size.nics - before)):
                words += self.words_of_nic(nic(before + place + 1, home, place + 2))
                if len(words) > 2000:
                    self.change(words[1:])
                    words = []
            if words:
                self.change(words[1:])
        self.change(["sync"], wait="hv")

    def words_of_nic(self, new: Nic) -> list[str]:
        """The words of ovn-nbctl that make a port of a NIC; each command starts with `--`."""
        addresses = f"{new.mac} {new.ipv4} {new.ipv6}"
        return [
            *("--", "lsp-add", new.network_id, new.id),
            *("--", "lsp-set-addresses", new.id, addresses),
            *("--", "lsp-set-port-security", new.id, addresses),
        ]


def _quiet() -> Iterable[str]:
    return ("-vconsole:off", "-vsyslog:off", "-vfile:off")


def _words_of_network(home: Network, number: int) -> Iterator[str]:
    router, port = f"router{number}", f"gateway{number}"
    mac = (0x0E << 40 | number).to_bytes(6, "big").hex(":")
    if home.ipv4 is None or home.ipv6 is None:
        raise ValueError(f"{home.id} has not both prefixes")
    yield from ("--", "ls-add", home.id, "--", "lr-add", router)
    yield from (
        *("--", "lrp-add", router, port, mac),
        f"{home.gateway4}/{home.ipv4.prefixlen}",
        f"{home.gateway6}/{home.ipv6.prefixlen}",
    )
    yield from (
        "--",
        "lsp-add",
        home.id,
        f"{home.id}-router",
        "--",
        "lsp-set-type",
        f"{home.id}-router",
        "router",
    )
    yield from ("--", "lsp-set-addresses", f"{home.id}-router", "router")
    yield from ("--", "lsp-set-options", f"{home.id}-router", f"router-port={port}")


def add_ports(bridge: str, names: Iterable[str], first: int) -> None:
    """Ports of type dummy, each bound to the NIC of its name, with OpenFlow numbers from `first` up."""
    words: list[str] = []
    for number, name in enumerate(names, first):
        words += ["--", "add-port", bridge, name, "--", "set", "interface", name, "type=dummy"]
        words += [f"ofport_request={number}", f"external_ids:iface-id={name}"]
        if len(words) > 5000:
            run("ovs-vsctl", *words)
            words = []
    if words:
        run("ovs-vsctl", *words)


def wait_installed(name: str, timeout: int = 60) -> None:
    """Until OVN says that the flows of a port are in the switch."""
    run(
        "ovs-vsctl",
        f"--timeout={timeout}",
        "wait-until",
        "interface",
        name,
        "external_ids:ovn-installed=true",
    )


def wait_for_bridge(timeout: float = 10.0) -> None:
    """Until ovn-controller has made its bridge."""
    deadline = time.monotonic() + timeout
    while _BRIDGE not in run("ovs-vsctl", "list-br").split():
        if time.monotonic() > deadline:
            raise TimeoutError(f"ovn-controller made no {_BRIDGE}")
        time.sleep(0.05)
