"""`status`, `networks` and `ports`."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from sdn_orch.commands.common import (
    ConfigOption,
    JsonOption,
    ask,
    ask_all,
    cell,
    console,
    show_json,
    styled,
    table,
)


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """How the daemon and its switches are."""
    answer = ask(config, "/v1/status")
    if as_json:
        return show_json(answer)
    out = console()
    objects = ", ".join(f"{count} {name}" for name, count in answer["objects"].items() if count)
    revision = f"{answer['revision']} {'in' if answer['settled'] else 'on its way to'} the switches"
    out.print(f"up {_duration(answer['uptime'])}, revision {revision}: {objects or 'nothing yet'}")
    if not answer["switches"]:
        return out.print("no switch is known: list them in the configuration, or let one connect")
    rows = table(
        "switch", "role", "transport", "state", "flows", "groups", "sent", "repaired", "foreign", "note"
    )
    for switch in answer["switches"]:
        rows.add_row(
            switch["name"],
            switch["role"],
            switch["transport"],
            styled(switch["phase"]),
            *(str(switch[key]) for key in ("flows", "groups", "sent", "repaired", "foreign")),
            Text("; ".join(filter(None, [switch["error"], *switch["refusals"], *switch["notes"]])), "red"),
        )
    out.print(rows)
    return None


def networks(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every tenant network: its addresses, how many NICs, and whether the switches hold it."""
    answer = ask_all(config, "/v1/networks")
    if as_json:
        return show_json(answer)
    rows = table("network", "account", "kind", "vpc", "ipv4", "ipv6", "nics", "condition", "note")
    for row in answer:
        rows.add_row(
            row["name"],
            row["account"],
            row["kind"],
            *(cell(row[key]) for key in ("vpc", "ipv4", "ipv6", "nics")),
            styled(row["condition"]),
            _why(row),
        )
    return console().print(rows if answer else "no networks yet")


def ports(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every NIC: its addresses, where it is plugged in, and whether the switches hold it."""
    answer = ask_all(config, "/v1/ports")
    if as_json:
        return show_json(answer)
    rows = table("machine", "mac", "account", "network", "addresses", "port", "known by", "condition", "note")
    for row in answer:
        rows.add_row(
            cell(row["machine"]),
            row["mac"],
            row["account"],
            row["network"],
            cell(row["addresses"]),
            _place(row),
            cell(row["source"]),
            styled(row["condition"] if row["active"] else "idle"),
            _why(row),
        )
    return console().print(rows if answer else "no NICs yet")


def _place(row: dict[str, Any]) -> Text:
    """Where a NIC is, and where it is awaited."""
    place = Text(row["place"]) if row["place"] else Text("not attached", "yellow")
    if row["awaited"]:
        place.append(f", {'comes to' if row['prepared'] else 'listened for at'} {row['awaited']}", "yellow")
    return place


def _why(row: dict[str, Any]) -> Text:
    """What keeps an object from being realised everywhere."""
    reasons = [f"{refusal['switch']}: {refusal['reason']}" for refusal in row["refusals"]]
    if row["pending"]:
        reasons.append(f"waiting for {cell(row['pending'])}")
    return Text("; ".join(reasons), "red" if row["refusals"] else "yellow")


def _duration(seconds: float) -> str:
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds % 60)} s" if minutes else f"{seconds:.0f} s"
