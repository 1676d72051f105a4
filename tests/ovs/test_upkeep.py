"""What the daemon keeps right at its switches through their databases, and what it says of the rest."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.ovs.bridges import run
from tests.ovs.site import Site, prepared, site
from tests.southbound import wait_until

pytestmark = pytest.mark.ovs


def notes(here: Site, switch: str = "leaf1") -> list[str]:
    """What the status says of a switch's own settings."""
    found: list[str] = here.switches()[switch]["notes"]
    return found


def column(here: Site, table: str, name: str, switch: str = "leaf1") -> str:
    return here.ovs.vsctl("get", table, here.bridges[switch], name).strip('"')


def test_a_bridge_that_would_be_open_without_a_controller_is_closed(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.populate(2)
        flows, sent = here.flows("leaf1"), here.sent()
        for mode in ("standalone", "[]"):
            here.ovs.vsctl("set", "bridge", here.bridges["leaf1"], f"fail_mode={mode}")
            here.controller.wait(lambda: column(here, "bridge", "fail_mode") == "secure", "it to be closed")
        here.wait_log("warning", f"bridge {here.bridges['leaf1']}", "fail_mode is standalone")
        here.wait_log("warning", f"bridge {here.bridges['leaf1']}", "fail_mode is not set")
        here.wait_log("info", f"setting fail_mode=secure on bridge {here.bridges['leaf1']}")
        here.controller.wait(lambda: notes(here) == [], "the note to go")
        assert here.flows("leaf1") == flows and here.sent() == sent


def test_bridges_of_others_are_left_as_they_are(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.stranger("s", 0xBAD)
        here.wait_log("warning", "0000000000000bad is not configured")
        here.ovs.vsctl("set", "bridge", here.bridges["s"], "fail_mode=standalone")
        # Ours, changed after it and closed: by then the other has been seen as well.
        here.ovs.vsctl("set", "bridge", here.bridges["leaf1"], "fail_mode=standalone")
        here.controller.wait(lambda: column(here, "bridge", "fail_mode") == "secure", "ours to be closed")
        assert column(here, "bridge", "fail_mode", "s") == "standalone"
        assert column(here, "controller", "max_backoff", "s") == "[]"


def test_where_the_database_takes_nothing_the_status_says_how_to_mend_it(tmp_path: Path) -> None:
    with prepared(tmp_path) as here:
        here.start()
        here.populate(2)
        here.ovs.vsctl("set", "bridge", here.bridges["leaf1"], "protocols=OpenFlow13,OpenFlow15")
        # A stand-by server of a pair takes no writes; this one's active server is nowhere.
        server = ("ovs-appctl", "-t", str(here.ovs.folder / "ovsdb.ctl"))
        here.controller.kill()
        here.ovs.vsctl("set", "bridge", here.bridges["leaf1"], "fail_mode=standalone")
        run(*server, "ovsdb-server/set-active-ovsdb-server", f"unix:{tmp_path}/nowhere.sock")
        run(*server, "ovsdb-server/connect-active-ovsdb-server")
        here.controller.start()
        here.controller.wait(lambda: notes(here), "the note to be there")
        (note,) = notes(here)
        bridge = here.bridges["leaf1"]
        assert note.startswith(f"bridge {bridge} would join all tenants")
        assert f"ovs-vsctl set bridge {bridge} fail_mode=secure" in note
        assert notes(here, "leaf2") == []
        here.wait_log("warning", "Bridge.fail_mode", "not written")
        told = here.controller.command("status", "--json")
        assert next(row for row in json.loads(told.stdout)["switches"] if row["name"] == "leaf1")["notes"]
        assert "fail_mode=secure" in "".join(here.controller.command("status").stdout.split())
        run(*server, "ovsdb-server/disconnect-active-ovsdb-server")
        here.controller.wait(lambda: notes(here) == [], "the note to go")
        assert column(here, "bridge", "fail_mode") == "secure"
        here.settle()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("protocols=OpenFlow13,OpenFlow14", "does not offer OpenFlow15"),
        ("protocols=OpenFlow10", "does not offer OpenFlow13 and OpenFlow15"),
        ("other_config={}", "changes with the MAC addresses of its ports"),
    ],
)
def test_other_faults_are_told_with_the_command_that_mends_them(
    tmp_path: Path, setting: str, said: str
) -> None:
    with site(tmp_path) as here:
        bridge = here.bridges["leaf1"]
        if setting.startswith("other_config"):
            # The address from which Open vSwitch makes the same datapath id.
            mac = re.sub("..(?!$)", r"\g<0>:", f"{here.dpids['leaf1']:012x}")
            here.ovs.vsctl("set", "bridge", bridge, f'other_config={{hwaddr="{mac}"}}')
        else:
            here.ovs.vsctl("set", "bridge", bridge, setting)
        here.controller.wait(lambda: any(said in note for note in notes(here)), f"{said!r} to be told")
        (note,) = notes(here)
        command = note.partition("ovs-vsctl ")[2].split()
        assert f"bridge {bridge} " in note and command
        here.wait_log("warning", said)
        here.ovs.vsctl(*command)
        here.controller.wait(lambda: notes(here) == [], "the note to go")
        here.settle()


def reminders(here: Site) -> int:
    """How often Open vSwitch has been told to take everything over again, once it has done so."""
    root = ("get", "Open_vSwitch", ".")
    wanted, done = (int(here.ovs.vsctl(*root, name)) for name in ("next_cfg", "cur_cfg"))
    return done if done == wanted else 0


def attempts(here: Site, since: int) -> list[datetime]:
    """When the first edge's bridge has tried in vain to connect, by its own log from some place on."""
    text = (here.ovs.folder / "ovs-vswitchd.log").read_text()[since:]
    tried = rf"^(\S+)Z\|.*{here.bridges['leaf1']}<->.*connection failed"
    return [datetime.fromisoformat(moment) for moment in re.findall(tried, text, re.MULTILINE)]


def test_a_switch_seeks_us_every_second_and_not_ever_more_rarely(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.controller.wait(
            lambda: column(here, "controller", "max_backoff") == "1000" and reminders(here),
            "it to take effect",
        )
        for _ in range(2):
            rows = [column(here, "controller", name) for name in ("max_backoff", "inactivity_probe")]
            assert rows == ["1000", "30000"]
            pauses = pauses_without_controller(here)
            assert max(pauses) < timedelta(seconds=2), pauses
            # A new process of Open vSwitch knows nothing of what took effect in the last one.
            here.ovs.stop("ovs-vswitchd")
            restart(here, here.ovs.start_switch)


def restart(here: Site, then: Callable[[], None] = lambda: None) -> None:
    """Start the daemon, then something else, and wait until both edges have been tuned.

    Both are by one reminder where both were there before what the database says, and else by one each.
    """
    before = int(here.ovs.vsctl("get", "Open_vSwitch", ".", "next_cfg"))
    here.controller.start()
    then()
    here.settle()
    here.controller.wait(lambda: reminders(here) > before, "the edges to be reminded")
    known = -1
    while known != (count := reminders(here)):
        known = count
        time.sleep(1)


def pauses_without_controller(here: Site) -> list[timedelta]:
    """Kill the daemon, and see how long the first edge pauses between attempts to find it again.

    Left to itself it would pause for 1, 2, 4 and then 8 seconds.
    """
    at = (here.ovs.folder / "ovs-vswitchd.log").stat().st_size
    here.controller.kill()
    wait_until(lambda: len(attempts(here, at)) >= 8, 40, "several attempts in vain")
    return [later - earlier for earlier, later in pairwise(attempts(here, at))]


def test_what_the_operator_has_set_stays(tmp_path: Path) -> None:
    with prepared(tmp_path) as here:
        here.start()
        here.ovs.vsctl("set", "controller", here.bridges["leaf1"], "max_backoff=2000", "inactivity_probe=0")
        here.controller.kill()
        restart(here)
        assert column(here, "controller", "max_backoff") == "2000"
        assert column(here, "controller", "inactivity_probe") == "0"
