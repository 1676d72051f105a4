"""One NIC more, from the signed API call to the rules in the last switch; and Debian's OVN beside it.

Three parts. The compiler's share is `recompile`. Then a daemon with 1,000 and with 10,000 NICs on eleven
switches (every network on all ten leaves, so that each addition changes all of them): a machine is
deployed by the cs client, and the end is when the last flow table has changed, as Open vSwitch itself
tells an observer. OVN gets the same networks and NICs on one host, a port of each network there; its end
is when its own `--wait=hv` returns, and when it marks the port as installed. With thousands of NICs it may
take longer to be filled than anybody waits: each size has a limit, and what was cut off is said. The ratio
compares our largest cloud with the largest that OVN finished, which is in its favour.
All bridges are in one ovs-vswitchd, whose main thread passes by each of them whenever it wakes. With 100 in
place of 11 of them our median is 48 ms in place of 19, and that time is Open vSwitch's: ovs-ofctl alone takes
37 ms in place of 19 for a bundle of one flow, 8 in place of 4 for an echo, and the API answers after 7 in
place of 6. On hosts of their own switches do not wait for each other.
Bars: those of `recompile`; median under 25 ms and 99 of 100 under 100 ms, at 1,000 and 10,000 NICs.
"""

from __future__ import annotations

import argparse
import time

from bench.common import ovn, report
from bench.common.cloud import Size, network, nic
from bench.common.flow_watch import FlowWatch
from bench.common.large import LargeCloud
from bench.common.parts import run_for, run_part, tell
from bench.common.sandbox import inside, start_open_vswitch

MEDIAN_BAR, TAIL_BAR = 0.025, 0.100
_CLOUDS = (1_000, 10_000)
#: Sizes of OVN's cloud, and seconds for each of them, of which most go into filling it.
_PEER_CLOUDS = (1_000, 3_000, 10_000)
_PEER_LIMIT = 90.0
_NETWORK_SIZE = 10
_SWITCHES = 11


def measure_ours(nics: int, samples: int) -> dict[str, list[float]]:
    """Seconds from the call to the API's answer and to the last rule."""
    size = Size(nics, _NETWORK_SIZE, _SWITCHES)
    # The first ones meet connections and caches that are not there yet.
    unmeasured = 10
    answered, installed = [], []
    cloud = LargeCloud(size, samples + unmeasured)
    try:
        cloud.start()
        with FlowWatch(cloud.leaves) as watch:
            for sample in range(samples + unmeasured):
                home = sample % len(cloud.networks) + 1
                started = time.perf_counter()
                cloud.deploy(nics + sample + 1, home, wait=False)
                answered.append(time.perf_counter() - started)
                last, _ = watch.last_change(0.2)
                installed.append(last - started)
    finally:
        cloud.stop()
    return {"answered": answered[unmeasured:], "installed": installed[unmeasured:]}


def measure_ovn(nics: int, samples: int) -> None:
    """Tell how long OVN takes to be filled, then for each new port the seconds until OVN says that its
    hosts have taken it in, and until it is marked as installed."""
    size = Size(nics, _NETWORK_SIZE, _SWITCHES)
    peer = ovn.Ovn()
    ovn.wait_for_bridge()
    first_of_each = [(number - 1) * _NETWORK_SIZE + 1 for number in range(1, size.networks + 1)]
    ovn.add_ports("br-int", [f"nic{number}" for number in first_of_each], 100)
    new = range(nics + 1, nics + samples + 1)
    ovn.add_ports("br-int", [f"nic{number}" for number in new], 20_000)
    started = time.perf_counter()
    peer.populate(size)
    tell({"filled": time.perf_counter() - started})
    for sample, number in enumerate(new):
        home = network(sample % size.networks + 1, size)
        words = peer.words_of_nic(nic(number, home, _NETWORK_SIZE + 2 + sample // size.networks))
        started = time.perf_counter()
        peer.change(words[1:], wait="hv")
        synchronised = time.perf_counter() - started
        ovn.wait_installed(f"nic{number}")
        tell({"synchronised": synchronised, "installed": time.perf_counter() - started})


def peer_part(nics: int, samples: int) -> dict[str, list[float]]:
    """What OVN did with so many NICs within its limit; empty if it did not come to the first new port."""
    report.note(f"OVN with {nics:,} NICs …")
    found, was_cut = run_for(_PEER_LIMIT, "bench.increment", "--ovn", str(nics), "--samples", str(samples))
    filled = next((one["filled"] for one in found if "filled" in one), None)
    ports = [one for one in found if "installed" in one]
    if was_cut:
        how_far = "not yet filled" if filled is None else f"filled in {filled:.0f} s, {len(ports)} new ports"
        report.note(f"OVN with {nics:,} NICs was cut off after {_PEER_LIMIT:g} s: {how_far}")
    return {what: [one[what] for one in ports] for what in ("synchronised", "installed")} if ports else {}


def compare(samples: int, peer_samples: int) -> None:
    """All three parts, and the tables."""
    report.note("compile and plans (bench recompile) …")
    compiler = run_part("bench.recompile")
    lacking = ovn.fetch()
    ours: dict[int, dict[str, list[float]]] = {}
    for nics in _CLOUDS:
        report.note(f"sdn-orch with {nics:,} NICs …")
        ours[nics] = run_part("bench.increment", "--ours", str(nics), "--samples", str(samples))
    theirs: dict[int, dict[str, list[float]]] = {}
    for nics in () if lacking else _PEER_CLOUDS:
        if measured := peer_part(nics, peer_samples):
            theirs[nics] = measured
    rows: list[list[object]] = []
    for who, found in (("sdn-orch", ours), ("OVN", theirs)):
        for nics, measured in found.items():
            for what, seconds in measured.items():
                figures = (report.percentile(seconds, percent) * 1000 for percent in (50, 90, 99, 100))
                rows.append([f"{who}, {nics:,} NICs: {what}", len(seconds), *figures])
    report.show("one NIC more, ms from the API call", ["", "samples", "p50", "p90", "p99", "worst"], rows)
    if lacking:
        report.note(f"without OVN: {lacking}")
    medians = {nics: report.percentile(found["installed"], 50) for nics, found in ours.items()}
    tails = {nics: report.percentile(found["installed"], 99) for nics, found in ours.items()}
    # Their figure is the earlier of the two: what OVN itself calls done.
    peers = {nics: report.percentile(found["synchronised"], 50) for nics, found in theirs.items()}
    largest, peer = max(medians), max(peers, default=0)
    in_time = max(medians.values()) < MEDIAN_BAR and max(tails.values()) < TAIL_BAR
    report.Result(
        "increment",
        medians[largest] * 1000,
        peers[peer] * 1000 if peers else None,
        peers[peer] / medians[largest] if peers else None,
        holds=bool(compiler["holds"]) and in_time,
        unit="ms",
        more={
            "p50": {str(nics): value * 1000 for nics, value in medians.items()},
            "p99": {str(nics): value * 1000 for nics, value in tails.items()},
            "nics": largest,
            "peer_nics": peer or None,
            "ovn_p50": {str(nics): value * 1000 for nics, value in peers.items()},
            "compile_p99": compiler["p99"],
            "compile_growth": compiler["growth"],
            "compile_holds": compiler["holds"],
        },
    ).tell()


def main() -> None:
    """Read the options; a single part runs in a sandbox."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--peer-samples", type=int, default=20)
    parser.add_argument("--ours", type=int, help="only sdn-orch with this many NICs")
    parser.add_argument("--ovn", type=int, help="only OVN with this many NICs")
    options = parser.parse_args()
    if not options.ours and not options.ovn:
        compare(options.samples, options.peer_samples)
        return

    def part() -> None:
        start_open_vswitch(dummy=bool(options.ovn))
        if options.ours:
            tell(measure_ours(options.ours, options.samples))
        else:
            measure_ovn(options.ovn, options.samples)

    inside(part, "bench.increment")


if __name__ == "__main__":
    main()
