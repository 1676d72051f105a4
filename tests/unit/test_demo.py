"""The demonstration's own judgement: it must be able to say that something is wrong."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

pytest.importorskip("mininet", reason="./dev makes Mininet visible in .venv")

from sdn_orch.config import load
from sdn_orch.intent.model import SwitchRole
from topologies.controller import Controller
from topologies.demo.__main__ import console, show_machines, step
from topologies.demo.failover import COUNT, Outcome
from topologies.demo.machines import Machine
from topologies.demo.reach import differences, expected, matrix


def machine(name: str, network: str, ipv4: str, ipv6: str | None = None, realm: str | None = None) -> Machine:
    return Machine(
        name, f"h-{name}", "t", network, realm or network, f"nic-{name}", "02:00:00:00:00:01", ipv4, ipv6
    )


RED1 = machine("red1", "red", "10.1.1.10", "fd00:1::10")
RED2 = machine("red2", "red", "10.1.1.11")
BLUE1 = machine("blue1", "blue", "10.1.1.10")
WEB = machine("web", "tier1", "10.2.1.2", realm="vpc")
DATA = machine("data", "tier2", "10.2.2.2", realm="vpc")
ALL = [RED1, RED2, BLUE1, WEB, DATA]


def test_an_address_is_answered_by_the_machine_of_one_s_own_realm() -> None:
    wanted = expected(ALL)
    assert wanted["red2", "10.1.1.10"] == "red1"
    assert wanted["blue1", "10.1.1.10"] == "blue1"
    assert wanted["blue1", "10.1.1.11"] is None
    assert wanted["web", "10.2.2.2"] == "data"
    assert wanted["red1", "10.2.2.2"] is None
    assert wanted["red2", "fd00:1::10"] == "red1"
    assert wanted["blue1", "fd00:1::10"] is None


def test_silence_leaks_and_mistaken_identity_are_differences() -> None:
    wanted = expected(ALL)
    assert differences(ALL, wanted, wanted) == []
    observed = dict(wanted)
    observed["red2", "10.1.1.10"] = "blue1"
    observed["web", "10.2.2.2"] = None
    observed["red1", "10.2.2.2"] = "data"
    assert sorted(differences(ALL, wanted, observed)) == [
        "red1 asked at 10.2.2.2 (data): expected nobody, got data",
        "red2 asked at 10.1.1.10 (red1/blue1): expected red1, got blue1",
        "web asked at 10.2.2.2 (data): expected data, got nobody",
    ]


def test_the_matrix_shows_expected_beside_observed() -> None:
    wanted = expected(ALL)
    observed = {**wanted, ("red1", "10.1.1.11"): None}
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(matrix(ALL, wanted, observed, 4))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0].split() == ["IPv4", "expected", "IPv4", "observed"]
    (row,) = [line for line in lines if " red1 " in line]
    # At blue1's address red1 finds itself: they have the same one.
    assert row.split() == ["1", "red1", "●", "●", "○", "·", "·", "1", "red1", "●", "·", "○", "·", "·"]


def test_names_and_mac_addresses_are_shown_as_they_are() -> None:
    shown = replace(RED1, name="[red]x", tenant=":ab:", mac="02:ab:93:c0:39:0e")
    with console.capture() as capture:
        show_machines([shown])
        with step("[red]x is :ab:"):
            pass
    row, done = (line.split() for line in capture.get().splitlines() if "[red]x" in line)
    assert row[:6] == ["1", "[red]x", ":ab:", "red", "h-red1", "02:ab:93:c0:39:0e"]
    assert done[:4] == ["✓", "[red]x", "is", ":ab:"]


def test_which_machine_forms_its_own_address() -> None:
    formed = replace(RED1, ipv6="fd00:1::ff:fe00:1")
    assert formed.forms_ipv6
    assert not RED1.forms_ipv6
    assert not RED2.forms_ipv6


@pytest.mark.parametrize(("received", "holds"), [(COUNT, True), (COUNT - 50, True), (COUNT - 51, False)])
def test_the_failover_bar(received: int, holds: bool) -> None:
    assert Outcome(RED1, RED2, ("leaf1", "spine1"), COUNT, received).holds is holds


def test_the_controller_s_configuration_is_right(tmp_path: Path) -> None:
    switches = [
        {"dpid": f"{1:016x}", "name": "leaf1", "role": "edge"},
        {"dpid": f"{0x101:016x}", "name": "s", "role": "fabric"},
    ]
    controller = Controller(tmp_path, switches, {"discovery": {"interval": 0.5}, "audit": {"interval": 0}})
    config = load(controller.configuration, {})
    assert config.openflow.listen.port == controller.openflow_port
    assert config.api.listen.port == controller.api_port != controller.openflow_port
    assert (config.discovery.interval, config.discovery.lost_after) == (0.5, 4.0)
    assert config.audit.interval == 0
    assert [(switch.name, switch.role) for switch in config.switches] == [
        ("leaf1", SwitchRole.EDGE),
        ("s", SwitchRole.FABRIC),
    ]
    assert config.store.path == tmp_path / "store.db"
