"""A ping of 1,000 packets a second that tells how many were lost, and when."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from topologies.cloud import Cloud
from topologies.demo.machines import Machine

RATE = 1000
#: More than any measurement needs; a signal ends it.
_COUNT = 600 * RATE


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: of each sequence number from 1 the time, as `time.time` tells it, or None."""

    times: Sequence[float | None]

    def lost(self, since: float = 0.0, until: float = float("inf")) -> int:
        """How many packets sent between two times were not answered."""
        lost, now = 0, 0.0
        for time in self.times:
            # A lost one was sent a millisecond or so after the answer before it.
            now = time or now
            lost += time is None and since <= now < until
        return lost


class Ping:
    """Runs from its making until it is finished."""

    def __init__(self, cloud: Cloud, source: Machine, target: Machine) -> None:
        # Nobody would empty a pipe meanwhile.
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `finish`)
        self._process: subprocess.Popen[str] = cloud.node(source.host).popen(
            ["ping", "-n", "-D", "-i", str(1 / RATE), "-c", str(_COUNT), "-W", "1", target.ipv4],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> Heard:
        """End it. Raises RuntimeError where it had no answers, or none any more at the end."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=10)
        with self._output as file:
            file.seek(0)
            said = file.read()
        sent = re.search(r"(\d+) packets transmitted", said)
        answers = re.findall(r"^\[([\d.]+)\] \d+ bytes from .* icmp_seq=(\d+) ", said, re.MULTILINE)
        if not answers or sent is None:
            raise RuntimeError(f"ping had no answer: {said[-2000:]}")
        times: dict[int, float] = {}
        turn = previous = 0
        for time, number in ((float(time), int(number)) for time, number in answers):
            # The number has 16 bits; after 65535 comes 0.
            turn += 0x10000 if number < previous - 0x8000 else 0
            previous = number
            times[turn + number] = time
        last = max(times)
        # The last ones were under way when it ended; more than a few were lost.
        if int(sent[1]) - last > RATE // 10:
            raise RuntimeError(f"the last {int(sent[1]) - last} packets were not answered")
        return Heard([times.get(number) for number in range(1, last + 1)])
