"""The pipeline as a page of documentation."""

from __future__ import annotations

from sdn_orch.dataplane.pipeline import METADATA, STAGES, GroupKind, Punt


def describe() -> str:
    """The pipeline as a page of Markdown: `docs/pipeline.md`."""
    lines = ["# The pipeline", "", "Generated from `sdn_orch/dataplane/pipeline.py`; do not edit.", ""]
    lines += ["## Metadata", "", "| bits | name | meaning |", "|---|---|---|"]
    lines += [f"| {f.shift}-{f.shift + f.bits - 1} | {f.name} | {f.meaning} |" for f in METADATA]
    lines += ["", "## Tables", ""]
    for stage in STAGES.values():
        lines += [f"### {stage.table:d} {stage.table.name}", "", stage.purpose, ""]
        following = (
            ", ".join(table.name for table in stage.next) or "nowhere: the packet leaves or is dropped"
        )
        lines += [f"Goes on to: {following}.", "", "| priority | flows |", "|---|---|"]
        rows = [(number, f"| {number} | {name} |") for name, number in stage.priorities.items()]
        if stage.numbered:
            first, last = stage.numbered[0], stage.numbered[-1]
            rows.append((first, f"| {first}-{last} | rules, one each |"))
        lines += [row for _, row in sorted(rows, reverse=True)] + [""]
    lines += ["## To the controller", "", "| reason | name |", "|---|---|"]
    lines += [f"| {reason:d} | {reason.name} |" for reason in Punt]
    lines += [
        "",
        "## Group numbers",
        "",
        "The kind in the top four bits, a network's or switch's number below.",
        "",
    ]
    lines += ["| kind | name |", "|---|---|", *(f"| {kind:d} | {kind.name} |" for kind in GroupKind), ""]
    return "\n".join(lines)
