"""An unmodified Ryu application beside our own listener, on real Open vSwitch."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.endpoint import Endpoint
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.values import CONTROLLER, NO_BUFFER, OPENFLOW_13, Flow, Match, Output
from sdn_orch.southbound.applications import RyuApplications
from sdn_orch.southbound.channel import Channel
from tests.ovs.bridges import Bridge, bridge
from tests.southbound import Recorder, wait_until

pytestmark = pytest.mark.ovs

APPLICATION = str(Path(__file__).parent.parent / "ryu_applications" / "learning_switch.py")
MAC_1, MAC_2, MAC_BUG = "020000000001", "020000000002", "020000000066"


class Launched:
    """A channel with the application loaded."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self._applications = RyuApplications([APPLICATION])
        self._channel = Channel(Endpoint("127.0.0.1", 0), self.recorder, applications=self._applications)
        self.port = self._channel.start()

    @property
    def application(self) -> Any:
        from ryu.base.app_manager import lookup_service_brick

        return lookup_service_brick("LearningSwitch")

    def stop(self) -> None:
        self._channel.stop()
        self._applications.stop()


@pytest.fixture
def launched() -> Iterator[Launched]:
    running = Launched()
    yield running
    running.stop()


@pytest.fixture
def switch(launched: Launched) -> Iterator[Bridge]:
    with bridge() as made:
        made.add_port("a", 1)
        made.add_port("b", 2)
        made.control(f"tcp:127.0.0.1:{launched.port}")
        wait_until(lambda: made.dpid in launched.application.datapaths)
        yield made


def inject(switch: Bridge, in_port: int, source: str, destination: str) -> None:
    """A frame as if it had come in through a port."""
    frame = f"{destination}{source}88b5" + "00" * 50
    switch.ofctl("packet-out", f"in_port={in_port},packet={frame},actions=table")


def transmitted(switch: Bridge, port: int) -> int:
    dump = switch.ofctl("dump-ports", str(port))
    (packets,) = re.findall(r"tx pkts=(\d+)", dump)
    return int(packets)


def test_it_learns_and_forwards_beside_us(launched: Launched, switch: Bridge) -> None:
    assert launched.recorder.datapath().capabilities.version == OPENFLOW_13
    wait_until(lambda: launched.application.descriptions == [b"Nicira, Inc."])
    wait_until(lambda: "CONTROLLER" in switch.ofctl("dump-flows"))
    sent = transmitted(switch, 2)
    inject(switch, 1, MAC_1, MAC_2)
    wait_until(lambda: transmitted(switch, 2) > sent)
    inject(switch, 2, MAC_2, MAC_1)
    wait_until(
        lambda: "dl_dst=02:00:00:00:00:01 actions=output:1" in switch.ofctl("dump-flows").replace(" ,", ",")
    )
    # We were told of the same packets, and our own requests still work.
    launched.recorder.wait(lambda told: len(told.packets) >= 2)
    datapath = launched.recorder.datapath()
    flow = encode_flow(Flow(5, 7, Match.of(in_port=1), (Output(CONTROLLER, NO_BUFFER),)), OPENFLOW_13)
    datapath.apply(Plan(((Operation(Verb.ADD, flow),),)))
    assert flow.key in datapath.dump().state().flows


def test_a_bug_in_it_is_logged_and_it_goes_on(
    launched: Launched, switch: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    inject(switch, 1, MAC_BUG, MAC_2)
    wait_until(lambda: "a bug in the application" in caplog.text)
    inject(switch, 1, MAC_1, MAC_2)
    wait_until(lambda: launched.application.mac_to_port.get(switch.dpid, {}).get("02:00:00:00:00:01") == 1)


def test_it_hears_of_ports_and_of_the_end(launched: Launched, switch: Bridge) -> None:
    switch.add_port("c", 3)
    wait_until(
        lambda: any(3 in ports for _, number, ports in launched.application.port_events if number == 3)
    )
    switch.release()
    wait_until(lambda: switch.dpid not in launched.application.datapaths)
    launched.recorder.wait(lambda told: told.disconnects)


def test_it_is_gone_after_the_stop_and_another_version_may_be_spoken() -> None:
    running = Launched()
    application = running.application
    assert application.OFP_VERSIONS == [OPENFLOW_13]
    running.stop()
    assert running.application is None
    from os_ken.ofproto.ofproto_protocol import ProtocolDesc

    assert max(ProtocolDesc().supported_ofp_version) == 6
