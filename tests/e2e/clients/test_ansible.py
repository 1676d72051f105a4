"""The playbooks of the documentation, by Ansible's own modules: present, present again, absent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import Api
from tests.e2e.clients.examples import EXAMPLES, what_there_is

COLLECTIONS = Path(sys.prefix) / "ansible"


def play(api: Api, home: Path, playbook: str, *words: str) -> dict[str, int]:
    """Run the playbook; what Ansible counted. Raises AssertionError with what it printed if it failed."""
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "CLOUDSTACK_ENDPOINT": api.endpoint,
        "CLOUDSTACK_KEY": api.keys.api_key,
        "CLOUDSTACK_SECRET": api.keys.secret_key,
        "CLOUDSTACK_METHOD": "post",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), EXAMPLES / playbook, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", done.stdout.splitlines()[-2])}


@pytest.mark.parametrize(("playbook", "fewest"), [("shop.yml", 16), ("tenants.yml", 6)])
def test_what_a_playbook_makes_comes_stays_and_goes(
    api: Api, tmp_path: Path, playbook: str, fewest: int
) -> None:
    empty = what_there_is(api)
    first = play(api, tmp_path, playbook)
    assert first["changed"] == first["ok"] >= fewest
    there = what_there_is(api)
    assert play(api, tmp_path, playbook)["changed"] == 0
    assert what_there_is(api) == there
    assert play(api, tmp_path, playbook, "-e", "wanted=absent")["changed"] >= fewest
    assert what_there_is(api) == empty
