"""A plain OpenFlow session with a bridge of Open vSwitch, over its management socket."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from sdn_orch.openflow.events import parse_error
from sdn_orch.openflow.groups import Change, group_mod, parse_groups
from sdn_orch.openflow.messages import FlowCommand, Kind, barrier_request, echo_reply, flow_mod, hello
from sdn_orch.openflow.meters import meter_mod, parse_meters
from sdn_orch.openflow.multipart import (
    Counters,
    Part,
    multipart_request,
    parse_counters,
    parse_flows,
    parse_multipart,
)
from sdn_orch.openflow.values import FlowEntry, Group, GroupType, Meter
from sdn_orch.southbound.framing import Framing

#: All tables, groups and meters (1.3.5, section 7.3.4.1 to 7.3.4.4).
EVERY_FLOW = FlowEntry(0xFF, 0, b"", b"", 0)
EVERY_GROUP = Group(0xFFFFFFFC, GroupType.ALL, ())
EVERY_METER = Meter(0xFFFFFFFF, 0, 0)
RUN_DIRECTORY = Path(os.environ.get("OVS_RUNDIR", "/var/run/openvswitch"))


def run(*command: str) -> str:
    """Run a command to its end; its output, or an assertion that shows what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout


@contextmanager
def bridge(name: str, *ports: str) -> Iterator[str]:
    """A userspace bridge with internal ports 1, 2, ..., removed in the end."""
    if shutil.which("ovs-vsctl") is None or not (RUN_DIRECTORY / "db.sock").exists():
        pytest.skip("Open vSwitch is not running")
    settings = ("datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13,OpenFlow15")
    run(
        "ovs-vsctl",
        "--if-exists",
        "del-br",
        name,
        "--",
        "add-br",
        name,
        "--",
        "set",
        "bridge",
        name,
        *settings,
    )
    try:
        for number, port in enumerate(ports, 1):
            run(
                "ovs-vsctl",
                "add-port",
                name,
                port,
                "--",
                "set",
                "interface",
                port,
                "type=internal",
                f"ofport_request={number}",
            )
        yield name
    finally:
        run("ovs-vsctl", "--if-exists", "del-br", name)


class Session:
    """Requests answered in order; what the switch says by itself is kept in `events`."""

    def __init__(self, bridge_name: str, version: int) -> None:
        self.version = version
        self.events: list[bytes] = []
        self._xids = count(1)
        self._framing = Framing()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(10)
        self._socket.connect(str(RUN_DIRECTORY / f"{bridge_name}.mgmt"))
        self._socket.sendall(hello([version], self.xid()))
        assert next(self._messages())[1] == Kind.HELLO

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def xid(self) -> int:
        """A fresh transaction number."""
        return next(self._xids)

    def _messages(self) -> Iterator[bytes]:
        while True:
            while (item := self._framing.next()) is not None:
                yield item
            received = self._socket.recv(1 << 16)
            assert received, "the switch closed the session"
            self._framing.feed(received)

    def ask(self, *messages: bytes) -> list[bytes]:
        """Send messages and a barrier; the answers, errors among them, up to the barrier's."""
        barrier = self.xid()
        self._socket.sendall(b"".join(messages) + barrier_request(self.version, barrier))
        answers: list[bytes] = []
        for item in self._messages():
            match item[1]:
                case Kind.BARRIER_REPLY if int.from_bytes(item[4:8], "big") == barrier:
                    return answers
                case Kind.ECHO_REQUEST:
                    self._socket.sendall(echo_reply(item))
                case Kind.PACKET_IN | Kind.PORT_STATUS | Kind.FLOW_REMOVED:
                    self.events.append(item)
                case _:
                    answers.append(item)
        raise AssertionError("unreachable")

    def tell(self, *messages: bytes) -> None:
        """Send messages that have no answer but errors, of which there must be none."""
        errors = [parse_error(item).text for item in self.ask(*messages) if item[1] == Kind.ERROR]
        assert not errors, errors

    def wait(self, kind: Kind) -> bytes:
        """The next message of a kind, kept or still to come."""
        for item in self.events:
            if item[1] == kind:
                self.events.remove(item)
                return item
        return next(item for item in self._messages() if item[1] == kind)

    def read(self, part: Part) -> list[bytes]:
        """The bodies of all parts of one multipart reply."""
        bodies: list[bytes] = []
        for item in self.ask(multipart_request(part, self.version, self.xid())):
            kind, more, body = parse_multipart(item)
            assert kind == part
            bodies.append(body)
            if not more:
                return bodies
        raise AssertionError(f"reply of type {part} has no end")

    def clear(self) -> None:
        """Remove all flows, groups and meters."""
        self.clear_flows()
        self.tell(group_mod(EVERY_GROUP, Change.DELETE, self.version, self.xid()))
        self.tell(meter_mod(EVERY_METER, Change.DELETE, self.version, self.xid()))

    def clear_flows(self) -> None:
        """Remove all flows."""
        self.tell(flow_mod(EVERY_FLOW, FlowCommand.DELETE, self.version, self.xid()))

    def flows(self) -> list[tuple[FlowEntry, Counters]]:
        """All flows with their counters."""
        return [
            (FlowEntry(*key, instructions, cookie), parse_counters(counted, self.version))
            for body in self.read(Part.FLOW)
            for key, instructions, cookie, counted in parse_flows(body, self.version)
        ]

    def groups(self) -> dict[int, Group]:
        """All groups by number."""
        bodies = self.read(Part.GROUP_DESCRIPTION)
        return {item.number: item for body in bodies for item in parse_groups(body, self.version)}

    def meters(self) -> dict[int, Meter]:
        """All meters by number."""
        return {item.number: item for body in self.read(Part.METER_CONFIG) for item in parse_meters(body)}
