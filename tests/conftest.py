"""What all tests share: hypothesis profiles, and which layers can run here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from sdn_orch.uncollected import kept

#: `./dev check` uses quick, `./dev test` the default, which says of the same code the same each time, and
#: thorough is for hunting.
settings.register_profile("quick", max_examples=12, deadline=None)
settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", parent=settings.get_profile("default"), max_examples=2000, derandomize=False
)
settings.load_profile("default")

# A shell has what it runs in the background ignore interrupts, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What these assert is told as what tests assert.
pytest.register_assert_rewrite("tests.e2e.routed", "tests.e2e.sessions")

#: Set by `./dev test`, where everything is there: then nothing is skipped and what is missing fails.
EVERYTHING = "SDN_ORCH_TEST_ALL"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported stays: the garbage collector need not walk it, now or ever."""
    with kept():
        yield


@pytest.fixture(autouse=True, scope="session")
def _quickly_hashed() -> Iterator[None]:
    """Most of the time of hundreds of tests would go into the passwords of the accounts that they make."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sdn_orch.northbound.cloudstack.passwords.COST", 2)
        yield


def _missing(layer: str) -> str | None:
    """Why a layer cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if subprocess.run(["ovs-vsctl", "--timeout=2", "show"], capture_output=True, check=False).returncode:
        return "needs a running Open vSwitch"
    if layer == "mininet" and not shutil.which("mnexec"):
        return "needs Mininet"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the layers that this machine cannot run, unless everything was asked for."""
    if os.environ.get(EVERYTHING):
        return
    for layer in ("ovs", "mininet"):
        marked = [item for item in items if item.get_closest_marker(layer)]
        reason = _missing(layer) if marked and shutil.which("ovs-vsctl") else "needs Open vSwitch"
        if marked and reason:
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=f"{reason}; ./dev test has it"))
