"""The command line where no daemon is needed, and what it says when there is none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sdn_orch.cli import app
from sdn_orch.commands.topology import to_dot, to_tree
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.pipeline_page import describe

EXAMPLE = Path(__file__).parents[2] / "docs" / "sdn-orch.toml"

ASKING = [
    ["status"], ["networks"], ["ports"], ["topology"], ["flows", "leaf1"], ["explain", "0x1"], ["plan"],
    ["trace", "--from", "web1", "--to", "10.1.1.1"],
]  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("SDN_ORCH_CONFIG", raising=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sdn-orch.toml"
    path.write_text(f'run_directory = "{tmp_path}"\n')
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_check_says_what_is_right() -> None:
    result = run("check", EXAMPLE)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"right ({EXAMPLE}): 3 switches, 1 links")


def test_check_names_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[log]\nlevel = "loud"\ncolour = 1\n')
    result = run("check", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        ["sdn-orch", f"{path}:2", "log.level"],
        ["sdn-orch", f"{path}:3", "log.colour"],
    ]


def test_check_takes_the_environment_s_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDN_ORCH_CONFIG", str(config))
    assert f"right ({config})" in run("check").stdout


@pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
def test_without_a_daemon_one_is_told_where_it_was_sought(config: Path, words: list[str]) -> None:
    result = run(*words, "--config", config)
    assert result.exit_code == 3
    assert f"{config.parent}/sdn-orch.sock: no daemon answers there" in result.stderr
    assert "sdn-orch controller" in result.stderr


@pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
def test_a_wrong_configuration_is_told_before_anything_is_asked(tmp_path: Path, words: list[str]) -> None:
    result = run(*words, "--config", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


@pytest.fixture
def answering(config: Path) -> Iterator[list[bytes]]:
    """Something at the daemon's socket that gives these raw answers, one a connection."""
    answers: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(config.parent / "sdn-orch.sock"))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                if answers:
                    connection.sendall(answers.pop(0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def http(status: str, body: object) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


def test_the_daemon_s_refusal_is_passed_on(config: Path, answering: list[bytes]) -> None:
    answering.append(http("404 Not Found", {"detail": "there is no switch leaf9"}))
    result = run("flows", "leaf9", "--config", config)
    assert (result.exit_code, result.stderr) == (1, "sdn-orch: there is no switch leaf9\n")


def test_a_daemon_that_fails_or_breaks_off(config: Path, answering: list[bytes]) -> None:
    answering += [http("500 Internal Server Error", "oh"), b""]
    result = run("status", "--config", config)
    assert result.exit_code == 1 and "the daemon failed (500); its log says why" in result.stderr
    result = run("status", "--config", config)
    assert result.exit_code == 3 and "the daemon broke off" in result.stderr


def test_json_is_the_daemon_s_answer(config: Path, answering: list[bytes]) -> None:
    answer = [{"name": "réd", "refusals": []}, {"name": "blue", "refusals": []}]
    answering.append(http("200 OK", {"items": answer[:1], "next": "7"}))
    answering.append(http("200 OK", {"items": answer[1:], "next": None}))
    result = run("networks", "--json", "--config", config)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == answer


def test_pipeline_names_every_table_in_order() -> None:
    result = run("pipeline")
    assert result.exit_code == 0
    headings = [line for line in result.stdout.splitlines() if "→" in line and not line.startswith("    ")]
    assert [heading.split()[:2] for heading in headings] == [[str(int(t)), t.name.lower()] for t in Table]
    assert [row["table"] for row in json.loads(run("pipeline", "--json").stdout)] == [int(t) for t in Table]
    assert run("pipeline", "--markdown").stdout == describe()


TOPOLOGY: dict[str, list[dict[str, Any]]] = {
    "switches": [
        {
            "name": "leaf1", "role": "edge", "dpid": "01", "phase": "in-sync", "connected": True,
            "nics": [
                {"place": "leaf1:10", "mac": "02:00:00:00:00:02", "machine": None, "network": "n"},
                {"place": "leaf1:2,7", "mac": "02:00:00:00:00:01", "machine": "web1", "network": "n"},
            ],
        },
        {
            "name": "spine1", "role": "fabric", "dpid": "02", "phase": "disconnected", "connected": False,
            "nics": [],
        },
    ],
    "links": [{"a": "leaf1:4", "b": "spine1:1", "capacity": 2500, "up": False, "source": "discovery"}],
}  # fmt: skip


def test_a_switch_s_tree_is_in_the_order_of_its_ports() -> None:
    switches, links = TOPOLOGY["switches"], TOPOLOGY["links"]
    labels = [str(branch.label) for branch in to_tree(switches[0], links).children]
    assert labels == [
        "2: web1 02:00:00:00:00:01 in VLAN 7  n",
        "4: spine1:1  2.5 Gbit/s  down  discovery",
        "10: NIC 02:00:00:00:00:02  n",
    ]
    assert str(to_tree(switches[1], links).children[0].label).startswith("1: leaf1:4")


def test_dot_shows_what_is_down() -> None:
    lines = to_dot(TOPOLOGY).splitlines()
    assert lines[0] == "graph topology {" and lines[-1] == "}"
    (cable,) = [line for line in lines if '"leaf1" -- "spine1"' in line]
    assert 'taillabel="4", headlabel="1", label="2.5 Gbit/s"' in cable and "style=dashed" in cable
