"""`ryu` is os-ken under its old name: the same objects, not copies."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from sdn_orch import ryu_alias


@pytest.fixture(autouse=True)
def installed() -> None:
    ryu_alias.install()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".base",
        ".base.app_manager",
        ".controller.handler",
        ".controller.ofp_event",
        ".lib.packet.packet",
        ".lib.packet.ipv6",
        ".lib.hub",
        ".lib.mac",
        ".ofproto.ofproto_v1_3",
        ".ofproto.ofproto_v1_3_parser",
        ".topology.event",
        ".utils",
        ".cfg",
    ],
)
def test_a_module_is_the_same_object(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImportWarning)
        alias = importlib.import_module("ryu" + name)
    real = importlib.import_module("os_ken" + name)
    assert alias is real
    assert sys.modules["ryu" + name] is real
    assert real.__spec__ is not None
    assert real.__name__ == real.__spec__.name == "os_ken" + name


def test_the_old_name_of_the_base_class() -> None:
    from os_ken.base.app_manager import OSKenApp
    from ryu.base.app_manager import RyuApp

    assert RyuApp is OSKenApp


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import os_ken.base.app_manager",
        "import os_ken.controller.handler",
        "import ryu.ofproto.ofproto_v1_3",
    ],
)
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    script = f"""
from sdn_orch import ryu_alias
ryu_alias.install()
{first}
from ryu.base import app_manager
from ryu.controller import ofp_event
class Application(app_manager.RyuApp):
    pass
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_from_packages() -> None:
    from ryu.base import app_manager
    from ryu.lib.packet import ether_types, ethernet
    from ryu.ofproto import ofproto_v1_3

    assert (app_manager.RyuApp, ofproto_v1_3.OFP_VERSION, ether_types.ETH_TYPE_IP) == (
        app_manager.OSKenApp,
        4,
        0x0800,
    )
    assert ethernet.ethernet.__module__ == "os_ken.lib.packet.ethernet"


def test_what_os_ken_does_not_have_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"ryu\.app\.wsgi is not in os-ken"):
        importlib.import_module("ryu.app.wsgi")


def test_installing_twice_installs_once() -> None:
    before = list(sys.meta_path)
    ryu_alias.install()
    assert sys.meta_path == before


def test_an_application_that_does_not_load_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    from sdn_orch.southbound.applications import RyuApplications

    broken = tmp_path / "json.py"
    broken.write_text("import ryu.nothing\n")
    with pytest.raises(ModuleNotFoundError, match=r"ryu\.nothing"):
        RyuApplications([str(broken)])
    with pytest.raises(FileNotFoundError, match="absent"):
        RyuApplications([str(tmp_path / "absent.py")])
    import json

    assert json.loads("1") == 1
    assert "ryu_application_json" not in sys.modules


def test_an_application_for_other_versions_only_is_refused(tmp_path: Path) -> None:
    from sdn_orch.southbound.applications import RyuApplications

    old = tmp_path / "old.py"
    old.write_text(
        "from ryu.base import app_manager\nclass Old(app_manager.RyuApp):\n    OFP_VERSIONS = [1]\n"
    )
    with pytest.raises(ValueError, match="no common OpenFlow version"):
        RyuApplications([str(old)])
