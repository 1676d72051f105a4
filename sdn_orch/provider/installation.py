"""Carries an installation out, step by step: what is there already stays, so that it can be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sdn_orch.provider.api import JSON, Api, CallRefused
from sdn_orch.provider.wanted import Step, Wanted

Tell = Callable[[str], None]


@dataclass(slots=True)
class Installation:
    """An installation in a CloudStack: the ids of its parts, as far as they are known."""

    api: Api
    wanted: Wanted
    ids: dict[str, str] = field(default_factory=dict)

    def install(self, tell: Tell) -> None:
        """Make what is not there. Raises CallRefused; what was made until then stays, and is found again."""
        self.find_network()
        for step in self.wanted.steps():
            row = self.find(step)
            if row is None:
                self.api.given(step.make, self.filled(step.arguments))
                row = self.find(step)
                tell(f"{step.what}: made")
            else:
                tell(f"{step.what}: is there")
            if row is None:
                raise CallRefused(f"{step.make}: CloudStack does not list {step.what}")
            if step.then is not None and row.get("state") != step.then[1]["state"]:
                self.api.given(step.then[0], step.then[1] | {"id": row["id"]})

    def uninstall(self, tell: Tell) -> None:
        """Take everything away, last things first. Raises CallRefused while networks are of its offerings."""
        self.find_network()
        found = [(step, row) for step in self.wanted.steps() if (row := self.find(step)) is not None]
        used = list(self._used_by(found))
        if used:
            raise CallRefused(f"delete these first, they are of its offerings: {', '.join(used)}")
        for step, row in reversed(found):
            if step.off is not None and row.get("state") != step.off[1]["state"]:
                self.api.given(step.off[0], step.off[1] | {"id": row["id"]})
            if step.make == "createExtension":
                self._unregister(row["id"])
            self.api.call(step.end, id=row["id"])
            tell(f"{step.what}: is gone")

    def find_network(self) -> None:
        """The physical network, by name or id. Raises CallRefused."""
        wanted = self.wanted.physical_network
        rows = self.api.listed("listPhysicalNetworks")
        found = [row for row in rows if wanted in (row["id"], row["name"])]
        if len(found) != 1:
            names = ", ".join(sorted(row["name"] for row in rows)) or "none"
            raise CallRefused(f"{len(found)} physical networks are {wanted}; there are {names}")
        self.ids["network"] = found[0]["id"]

    def find(self, step: Step) -> JSON | None:
        """What a step makes, if it is there; its id is known from then on."""
        if any("{extension}" in value for value in step.listing.values()) and "extension" not in self.ids:
            return None
        rows = self.api.given(step.look, self.filled(step.listing))
        listed = next((value for value in rows.values() if isinstance(value, list)), [])
        for row in listed:
            if all(str(row.get(name, "")).lower() == value.lower() for name, value in step.found_by.items()):
                if step.gives:
                    self.ids[step.gives] = row["id"]
                return dict(row)
        return None

    def filled(self, arguments: dict[str, str]) -> dict[str, str]:
        """Arguments with the ids of what is there."""
        return {
            name: self.ids[value[1:-1]] if value[1:-1] in _IDS and value[:1] == "{" else value
            for name, value in arguments.items()
        }

    def _unregister(self, id: str) -> None:
        where = {"resourcetype": "PhysicalNetwork", "resourceid": self.ids["network"]}
        # Where it is not registered deleting it works; else that is refused, with the reason.
        with suppress(CallRefused):
            self.api.call("unregisterExtension", extensionid=id, **where)

    def _used_by(self, found: list[tuple[Step, JSON]]) -> Iterator[str]:
        """Networks and VPCs of its offerings."""
        for step, row in found:
            if step.make == "createNetworkOffering":
                rows = self.api.listed("listNetworks", networkofferingid=row["id"], listall="true")
                yield from (f"network {each['name']}" for each in rows)
            elif step.make == "createVPCOffering":
                rows = self.api.listed("listVPCs", vpcofferingid=row["id"], listall="true")
                yield from (f"VPC {each['name']}" for each in rows)


_IDS = ("extension", "network", "provider")
