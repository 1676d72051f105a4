"""Carries an installation out, step by step: what is there already stays, so that it can be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sdn_orch.provider.api import JSON, Api, CallRefused
from sdn_orch.provider.wanted import DISABLED, ENABLED, REGISTRATION, Step, Wanted, reference

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
                self.api.call(step.make, **self.filled(step.arguments))
                row = self.find(step)
                tell(f"{step.what}: made")
            else:
                tell(f"{step.what}: is there")
            if row is None:
                raise CallRefused(f"{step.make}: CloudStack does not list {step.what}")
            if step.update and row.get("state") != ENABLED:
                self.api.call(step.update, id=row["id"], state=ENABLED)

    def is_registered(self) -> bool:
        """Whether the registration is there, and with it a token. Raises CallRefused."""
        self.find_network()
        step = next(step for step in self.wanted.steps() if step.make == "registerExtension")
        return self.find(step) is not None

    def uninstall(self, tell: Tell) -> None:
        """Take everything away, last things first. Raises CallRefused while networks are of its offerings."""
        self.find_network()
        found = [(step, row) for step in self.wanted.steps() if (row := self.find(step)) is not None]
        used = list(self._used_by(found))
        if used:
            raise CallRefused(f"delete these first, they are of its offerings: {', '.join(used)}")
        for step, row in reversed(found):
            if step.update and row.get("state") != DISABLED:
                self.api.call(step.update, id=row["id"], state=DISABLED)
            if step.make == "createExtension":
                # Where it is not registered deleting it works; else that is refused, with the reason.
                with suppress(CallRefused):
                    self.api.call("unregisterExtension", **self.filled(REGISTRATION))
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
        if "{extension}" in step.listing.values() and "extension" not in self.ids:
            return None
        for row in self.api.listed(step.look, **self.filled(step.listing)):
            if all(str(row.get(name, "")).lower() == value.lower() for name, value in step.found_by.items()):
                if step.gives:
                    self.ids[step.gives] = row["id"]
                return row
        return None

    def filled(self, arguments: dict[str, str]) -> dict[str, str]:
        """Arguments with the ids of what is there."""
        return {
            name: self.ids[whose] if (whose := reference(value)) else value
            for name, value in arguments.items()
        }

    def _used_by(self, found: list[tuple[Step, JSON]]) -> Iterator[str]:
        """Networks and VPCs of its offerings."""
        for step, row in found:
            if step.make == "createNetworkOffering":
                rows = self.api.listed("listNetworks", networkofferingid=row["id"], listall="true")
                yield from (f"network {each['name']}" for each in rows)
            elif step.make == "createVPCOffering":
                rows = self.api.listed("listVPCs", vpcofferingid=row["id"], listall="true")
                yield from (f"VPC {each['name']}" for each in rows)
