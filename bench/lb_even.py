"""How evenly a balancer spreads 10,000 new connections over ten machines, and by weights of 1:2:4 over three.

Real connections, of one client and of a hundred, to real servers. Bars: of equal members that one client
comes to, nobody has more than 1.05 of the mean; by weight, nobody is more than 5 % off its share. There is no
peer: beside it is what as many throws of dice would give, in the middle of a thousand times.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Mapping

from bench.common import report
from bench.common.sandbox import inside, start_open_vswitch
from topologies.balancing import Balanced, balanced_cloud
from topologies.leaf_spine import INTERNET

BARS = {"equal": 1.05, "weighted": 0.05}
MEMBERS, WEIGHTS = 10, {"web1": 1, "web2": 2, "web3": 4}
CLIENTS = [f"192.0.2.{host}" for host in range(100, 200)]


def most(found: Mapping[str, int]) -> float:
    """What the one who has most has, by the mean."""
    return max(found.values()) * len(found) / sum(found.values())


def dice(connections: int) -> float:
    """The same of dice, in the middle of a thousand times."""
    names = [str(number) for number in range(MEMBERS)]
    return report.median(most(Counter(random.choices(names, k=connections))) for _ in range(1000))


def off(found: Mapping[str, int]) -> float:
    """By how much of its share the worst one is off it."""
    total, weight = sum(found.values()), sum(WEIGHTS.values())
    return max(abs(found[name] * weight / (total * own) - 1) for name, own in WEIGHTS.items())


def measure(cloud: Balanced, rounds: int, connections: int) -> dict[str, list[float]]:
    """What each round found. A client that has had so many connections has no ports left for a while."""
    found: dict[str, list[float]] = {"one client": [], "a hundred clients": [], "weighted": []}
    for source in CLIENTS:
        cloud.node(INTERNET).cmd(f"ip address add {source}/32 dev lo")
    with cloud.rule(80, list(cloud.machines)):
        for turn in range(rounds):
            alone = cloud.asked("fresh", 80, connections, sources=[CLIENTS[turn]])
            found["one client"].append(most(alone))
            several = cloud.asked("fresh", 80, connections, sources=CLIENTS)
            found["a hundred clients"].append(most(several))
    with cloud.rule(81, list(WEIGHTS)) as rule:
        cloud.weigh(rule, WEIGHTS)
        for turn in range(rounds):
            found["weighted"].append(off(cloud.asked("fresh", 81, connections, sources=[CLIENTS[turn]])))
    return found


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    start_open_vswitch()
    with balanced_cloud(MEMBERS, hosts=5, gateways=1) as cloud:
        found = measure(cloud, options.rounds, options.connections)
    chance = dice(options.connections)
    middle = {name: report.median(values) for name, values in found.items()}
    names = [*(f"most by mean, {name}" for name in list(found)[:2]), "farthest from a share of 1:2:4"]
    rows = [[name, report.median(each), max(each)] for name, each in zip(names, found.values(), strict=True)]
    report.show(
        f"{options.connections} connections, {options.rounds} rounds",
        ["", "median", "worst"],
        [*rows, ["most by mean, dice", chance, "-"]],
    )
    report.Result(
        "lb_even",
        middle["one client"],
        chance,
        (chance - 1) / max(middle["one client"] - 1, 1e-6),
        holds=middle["one client"] <= BARS["equal"] and middle["weighted"] <= BARS["weighted"],
        unit="of the mean",
        more={"medians": middle, "rounds": options.rounds},
    ).tell()


if __name__ == "__main__":
    inside(main, "bench.lb_even")
