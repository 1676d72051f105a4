"""What a changed pool of ten breaks and moves: members added, drained and given weights, under load.

Connections that stand ask again and again, others come all the while. Each round adds a member, gives one a
weight of 3, and takes one of ten away, which is drained. Which slot has which member is asked through the
switches, by a connection from a port of each slot. Bars: nothing breaks; one of ten taken away moves 12 % of
the slots at most. There is no peer: the ratio is that to the least that can be, a tenth.
"""

from __future__ import annotations

import argparse

from bench.common import report
from bench.common.sandbox import inside, start_open_vswitch
from topologies.balancing import Balanced, balanced_cloud, ended

MEMBERS, STANDING, BAR = 10, 100, 0.12
#: From this source port on, which no other client takes, 16 have the first slot, and so on.
_FIRST_PORT, _SLOTS, _PORTS_OF_A_SLOT = 20_480, 256, 16


def seen(cloud: Balanced, turn: int) -> list[str]:
    """Who has each slot. A port that was used is not free for a while, so that each turn takes others."""
    first = _FIRST_PORT + turn
    return cloud.by_port(80, range(first, first + _SLOTS * _PORTS_OF_A_SLOT, _PORTS_OF_A_SLOT))


def measure(cloud: Balanced, rounds: int) -> tuple[list[float], int, int]:
    """The part of the slots that each removal moved; connections, and how many of them broke."""
    names, moved = list(cloud.machines), []
    with cloud.rule(80, names[:MEMBERS]) as rule:
        standing, coming = cloud.clients("steady", 80, STANDING), cloud.clients("endless", 80, 4)
        for turn in range(rounds):
            gone = names[turn % MEMBERS]
            before = seen(cloud, 2 * turn)
            cloud.remove(rule, gone)
            after = seen(cloud, 2 * turn + 1)
            if gone not in before or gone in after:
                raise RuntimeError(f"{gone} was not there, or got new connections when it was gone")
            moved.append(sum(a != b for a, b in zip(before, after, strict=True)) / _SLOTS)
            cloud.assign(rule, gone, names[MEMBERS])
            cloud.weigh(rule, {names[(turn + 1) % MEMBERS]: 3})
            cloud.weigh(rule, {names[(turn + 1) % MEMBERS]: 1})
            cloud.remove(rule, names[MEMBERS])
        (stood, lost), (came, failed) = ended(standing), ended(coming)
    if stood.total() != STANDING:
        raise RuntimeError(f"{stood.total()} connections of {STANDING} were made")
    return moved, stood.total() + came.total(), len(lost) + len(failed)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    start_open_vswitch()
    with balanced_cloud(MEMBERS + 1, hosts=6, gateways=1) as cloud:
        moved, connections, broken = measure(cloud, options.rounds)
    report.show(
        f"{options.rounds} rounds of five changes, {connections} connections",
        ["", "figure"],
        [
            ["connections that broke", broken],
            ["slots moved by one of ten taken away, median", report.median(moved)],
            ["slots moved, worst", max(moved)],
        ],
    )
    report.Result(
        "lb_churn",
        max(moved),
        1 / MEMBERS,
        1 / MEMBERS / max(moved),
        holds=not broken and max(moved) <= BAR,
        unit="of the slots",
        more={"broken": broken, "connections": connections, "rounds": options.rounds},
    ).tell()


if __name__ == "__main__":
    inside(main, "bench.lb_churn")
