"""Settings of the whole installation, which listConfigurations shows and updateConfiguration changes.

Only what is honoured is a setting. Limits are unlimited until somebody limits them: CloudStack's own
defaults (20 of most things) protect hypervisors, which are not ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.model_tenancy import SettingValue


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. Its values are numbers from `low` up, or, with `low` None, true and false."""

    name: str
    category: str
    description: str
    default: str
    low: int | None = None

    def text(self, snapshot: Snapshot) -> str:
        """The value in force, as text."""
        chosen = snapshot.get(SettingValue, self.name)
        return chosen.value if chosen is not None else self.default

    def number(self, snapshot: Snapshot) -> int:
        """The value in force of a number."""
        return int(self.text(snapshot))

    def is_on(self, snapshot: Snapshot) -> bool:
        """The value in force of a switch."""
        return self.text(snapshot) == "true"


PAGE_SIZE = Setting(
    "default.page.size",
    "Advanced",
    "entries a page at most, -1 for any number; below 500, clients that ask for pages of 500 are refused",
    "500",
    -1,
)
USERS_CREATE_PROJECTS = Setting(
    "allow.user.create.projects", "Project Defaults", "whether users may create projects", "true"
)
COLLECT_WAIT = Setting(
    "network.gc.wait",
    "Advanced",
    "seconds without a running machine after which an implemented network is shut down",
    "600",
    0,
)
COLLECT_INTERVAL = Setting(
    "network.gc.interval", "Advanced", "seconds between looks for networks to shut down", "600", 1
)

_OF = {"account": "Account Defaults", "domain": "Domain Defaults", "project": "Project Defaults"}
#: The ends of the names of CloudStack's limits.
_LIMITED = ("user.vms", "public.ips", "networks", "vpcs", "cpus", "memory")


def _limit(holder: str, what: str) -> Setting:
    unit = " in MB" if what == "memory" else ""
    about = what.replace(".", " ")
    return Setting(
        f"max.{holder}.{what}", _OF[holder], f"the most {about}{unit} of a {holder}; -1: any", "-1", -1
    )


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        PAGE_SIZE,
        USERS_CREATE_PROJECTS,
        COLLECT_WAIT,
        COLLECT_INTERVAL,
        *(_limit(holder, what) for holder in ("account", "domain") for what in (*_LIMITED, "projects")),
        *(_limit("project", what) for what in _LIMITED),
    )
}
