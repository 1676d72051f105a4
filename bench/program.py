"""100,000 mixed flows into one Open vSwitch, beside ovs-ofctl --bundle.

From the compiled state (encoded flows, at hand as the reconciler has them) to the last barrier or commit
reply. Ours: as one atomic bundle, which is what ovs-ofctl does, and in the ordered chunks of a first
synchronisation. Theirs: `ovs-ofctl -O OpenFlow15 --bundle add-flows` with the same flows as text. The
three alternate, each time into an emptied switch, and the number of flows is verified each time.
Bar: the atomic bundle is not slower than ovs-ofctl.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import report
from bench.common.flows import edge_flows
from bench.common.sandbox import RUN, add_bridge, inside, run, start_open_vswitch
from bench.common.switch import connected
from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.text import flow_to_ofctl
from sdn_orch.southbound.base import Datapath

_BRIDGE = "program"
_CHUNK = 4000


def atomic(operations: list[Operation]) -> Plan:
    """All in one bundle."""
    return Plan((tuple(operations),))


def chunked(operations: list[Operation]) -> Plan:
    """As a large plan is cut."""
    return Plan(tuple(tuple(operations[at : at + _CHUNK]) for at in range(0, len(operations), _CHUNK)))


def count_flows() -> int:
    """How many flows the switch holds."""
    aggregate = run("ovs-ofctl", "-O", "OpenFlow15", "dump-aggregate", _BRIDGE)
    return int(aggregate.rsplit("flow_count=", 1)[1].split()[0])


def measure(body: Callable[[], object], expected: int) -> float:
    """Seconds that `body` takes on an emptied switch."""
    run("ovs-ofctl", "-O", "OpenFlow15", "del-flows", _BRIDGE)
    # Freed rules are reclaimed some time later by the switch's own threads.
    time.sleep(0.5)
    started = time.perf_counter()
    body()
    taken = time.perf_counter() - started
    if (found := count_flows()) != expected:
        raise AssertionError(f"the switch holds {found} flows instead of {expected}")
    return taken


def compare(datapath: Datapath, flows: int, rounds: int) -> None:
    """Measure, alternating, and tell."""
    wanted = edge_flows(flows)
    version = datapath.capabilities.version
    entries = [encode_flow(flow, version) for flow in wanted]
    text = Path(RUN, "flows.txt")
    text.write_text(
        "".join(
            flow_to_ofctl(flow, cookie=entry.cookie) + "\n"
            for flow, entry in zip(wanted, entries, strict=True)
        )
    )

    def ours(cut: Callable[[list[Operation]], Plan]) -> Callable[[], None]:
        return lambda: datapath.apply(cut([Operation(Verb.ADD, entry) for entry in entries]))

    ways: dict[str, Callable[[], object]] = {
        "sdn-orch, one atomic bundle": ours(atomic),
        "sdn-orch, ordered chunks": ours(chunked),
        "ovs-ofctl --bundle add-flows": lambda: run(
            "ovs-ofctl", "-O", "OpenFlow15", "--bundle", "add-flows", _BRIDGE, text
        ),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, body in ways.items():
            taken[name].append(measure(body, flows))
    medians = {name: report.median(values) for name, values in taken.items()}
    bundle, chunks, peer = medians.values()
    report.show(
        f"{flows:,} mixed flows, empty switch to last reply: median of {rounds}",
        ["way", "median s", "best s", "worst s", "ratio to ovs-ofctl"],
        [[name, medians[name], min(all_), max(all_), peer / medians[name]] for name, all_ in taken.items()],
    )
    report.Result(
        "program",
        bundle,
        peer,
        peer / bundle,
        holds=bundle <= peer,
        more={"flows": flows, "chunked": chunks, "ratio_chunked": peer / chunks, "rounds": rounds},
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    start_open_vswitch()
    add_bridge(_BRIDGE, 0x1)
    with connected(_BRIDGE) as datapath:
        compare(datapath, options.flows, options.rounds)


if __name__ == "__main__":
    inside(main, "bench.program")
