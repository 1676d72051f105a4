"""100,000 mixed flows into one Open vSwitch, beside ovs-ofctl --bundle.

The flows are those of a leaf in a cloud large enough to have that many; its groups and meters are in the
switch beforehand. Measured is the way from the compiled state to the last barrier or commit reply. Ours:
planned and sent as one atomic bundle, which is what ovs-ofctl does, and in the ordered chunks of a first
synchronisation. Theirs: `ovs-ofctl -O OpenFlow15 --bundle add-flows` with the same flows as text. The
three alternate, each time into an emptied switch, and the number of flows is verified each time.
Bar: the atomic bundle is not slower than ovs-ofctl.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bench.common import report
from bench.common.cloud import Size, build
from bench.common.sandbox import RUN, add_bridge, inside, run, start_open_vswitch
from bench.common.switch import connected
from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.plan import Plan, diff
from sdn_orch.dataplane.world import World
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.text import flow_to_ofctl
from sdn_orch.openflow.values import State
from sdn_orch.southbound.base import Datapath

_BRIDGE = "program"
#: A leaf has about ten flows for each NIC of the cloud when every network has a NIC on it.
_FLOWS_PER_NIC = 9


def leaf(flows: int) -> State:
    """What a leaf holds, cut to this many flows."""
    size = Size(nics=flows // _FLOWS_PER_NIC, switches=10)
    state = compile_switch(World.of(build(size)), "leaf1").state
    if len(state.flows) < flows:
        raise AssertionError(f"the leaf has only {len(state.flows)} flows")
    return State(dict(islice(state.flows.items(), flows)), state.groups, state.meters)


def as_one(plan: Plan) -> Plan:
    """The plan as one atomic bundle."""
    return Plan((tuple(plan),))


def count_flows() -> int:
    """How many flows the switch holds."""
    aggregate = run("ovs-ofctl", "-O", "OpenFlow15", "dump-aggregate", _BRIDGE)
    return int(aggregate.rsplit("flow_count=", 1)[1].split()[0])


def measure(body: Callable[[], object], expected: int) -> float:
    """Seconds that `body` takes on a switch without flows."""
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
    desired = leaf(flows)
    version = datapath.capabilities.version
    emptied = State({}, desired.groups, desired.meters)
    datapath.apply(diff(emptied, State.empty(), version))
    text = Path(RUN, "flows.txt")
    text.write_text(
        "".join(
            flow_to_ofctl(decode_flow(entry, version), cookie=entry.cookie) + "\n"
            for entry in desired.flows.values()
        )
    )
    ways: dict[str, Callable[[], object]] = {
        "sdn-orch, one atomic bundle": lambda: datapath.apply(as_one(diff(desired, emptied, version))),
        "sdn-orch, ordered chunks": lambda: datapath.apply(diff(desired, emptied, version)),
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
        f"{flows:,} flows of a leaf, compiled state to last reply: median of {rounds}",
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
