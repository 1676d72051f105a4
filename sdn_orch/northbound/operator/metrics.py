"""What monitoring reads of the daemon, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.balancing import counts_open
from sdn_orch.intent.health import is_failing
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.balancers import member_row
from sdn_orch.northbound.operator.view import View

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Sort, and what it means; a counter begins anew where what it counts does.
_METRICS = {
    "sdn_orch_uptime_seconds": ("gauge", "Since the daemon started."),
    "sdn_orch_revision": ("gauge", "Of the store."),
    "sdn_orch_switch_connected": ("gauge", "Whether a switch has a session."),
    "sdn_orch_switch_flows": ("gauge", "Flows that a switch should hold."),
    "sdn_orch_switch_repaired_total": ("counter", "Messages that audits found to be needed."),
    "sdn_orch_balancer_member_up": ("gauge", "Whether a member answers its checks; 1 without any."),
    "sdn_orch_balancer_connections_total": ("counter", "Connections that members were given."),
    "sdn_orch_balancer_open_connections": ("gauge", "Connections that have not ended, of leastconn."),
    "sdn_orch_balancer_packets_total": ("counter", "Packets to members (in) and from them (out)."),
    "sdn_orch_balancer_bytes_total": ("counter", "Bytes to members (in) and from them (out)."),
}
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

#: Of what, labels, value.
_Sample = tuple[str, Mapping[str, str], float]


def metrics(view: View, snapshot: Snapshot) -> str:
    """All of them."""
    view.tally.read()
    samples = [*_daemon(view, snapshot), *_switches(view, snapshot), *_balancers(view, snapshot)]
    lines: list[str] = []
    for name, (kind, meaning) in _METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [_line(sample) for sample in samples if sample[0] == name]
    return "\n".join(lines) + "\n"


def _line(sample: _Sample) -> str:
    name, labels, value = sample
    said = ",".join(f'{label}="{text.translate(_ESCAPED)}"' for label, text in labels.items())
    return f"{name}{{{said}}} {value}" if said else f"{name} {value}"


def _daemon(view: View, snapshot: Snapshot) -> Iterator[_Sample]:
    yield "sdn_orch_uptime_seconds", {}, round(time.time() - view.started, 3)
    yield "sdn_orch_revision", {}, snapshot.revision


def _switches(view: View, snapshot: Snapshot) -> Iterator[_Sample]:
    for switch in snapshot.all(Switch):
        labels, status = {"switch": switch.name}, view.switch_status(switch.id)
        yield "sdn_orch_switch_connected", labels, int(view.datapath(switch.id) is not None)
        yield "sdn_orch_switch_flows", labels, status.flows
        yield "sdn_orch_switch_repaired_total", labels, status.repaired


def _balancers(view: View, snapshot: Snapshot) -> Iterator[_Sample]:
    for balancer in snapshot.all(Balancer):
        for member in snapshot.where(Member, "balancer_id", balancer.id):
            row, counted = member_row(snapshot, member), view.tally.member(member.mark)
            labels = {"balancer": balancer.id, "name": balancer.name, "member": member.id}
            labels |= {"machine": row.machine or "", "address": row.address or ""}
            yield "sdn_orch_balancer_member_up", labels, int(not is_failing(snapshot, member))
            yield "sdn_orch_balancer_connections_total", labels, counted.connections
            if counts_open(snapshot, balancer):
                yield "sdn_orch_balancer_open_connections", labels, round(view.tally.open(member.mark))
            for way, packets, octets in (
                ("in", counted.packets_in, counted.bytes_in),
                ("out", counted.packets_out, counted.bytes_out),
            ):
                yield "sdn_orch_balancer_packets_total", {**labels, "direction": way}, packets
                yield "sdn_orch_balancer_bytes_total", {**labels, "direction": way}, octets
