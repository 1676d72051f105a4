"""Switches over TLS: both ends prove who they are, several switches share one listener."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.endpoint import Endpoint, MutualTls
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.values import CONTROLLER, NO_BUFFER, OPENFLOW_15, Flow, FlowEntry, Match, Output
from sdn_orch.southbound.base import Datapath
from sdn_orch.southbound.channel import Channel
from tests.ovs.authority import Authority, Identity
from tests.ovs.private import OpenVSwitch, open_vswitch
from tests.scripted_switch import ScriptedSwitch
from tests.southbound import Recorder, wait_until

pytestmark = pytest.mark.ovs


@dataclass
class Rig:
    switch: OpenVSwitch
    authority: Authority
    stranger: Authority
    recorder: Recorder
    port: int

    def present(self, identity: Identity, authority: Authority) -> None:
        """What Open vSwitch shows, and whom it believes."""
        self.switch.vsctl("set-ssl", str(identity.key), str(identity.certificate), str(authority.certificate))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    authority, stranger = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    identity = authority.identity("controller")
    recorder = Recorder()
    tls = MutualTls(identity.certificate, identity.key, authority.certificate)
    channel = Channel(Endpoint("127.0.0.1", 0), recorder, tls=tls)
    port = channel.start()
    try:
        with open_vswitch(tmp_path) as switch:
            yield Rig(switch, authority, stranger, recorder, port)
    finally:
        channel.stop()


def flows(count: int) -> list[FlowEntry]:
    return [
        encode_flow(Flow(1, 9, Match.of(eth_dst=0x020000000000 + number), (Output(1),)), OPENFLOW_15)
        for number in range(count)
    ]


def test_two_bridges_in_parallel(rig: Rig) -> None:
    rig.present(rig.authority.identity("switch"), rig.authority)
    dpids = [rig.switch.add_bridge(f"tls{number}") for number in (1, 2)]
    for name in ("tls1", "tls2"):
        rig.switch.vsctl("set-controller", name, f"ssl:127.0.0.1:{rig.port}")
    rig.recorder.wait(lambda told: len(told.connects) == 2)
    assert sorted(datapath.dpid for datapath in rig.recorder.connects) == sorted(dpids)
    wanted = flows(20_000)
    faults: list[BaseException] = []

    def work(datapath: Datapath) -> None:
        try:
            # Writing, reading and packets at once: two threads use the same TLS session.
            datapath.apply(Plan((tuple(Operation(Verb.ADD, flow) for flow in wanted),)))
            for number in range(200):
                datapath.packet_out((Output(CONTROLLER, NO_BUFFER),), number.to_bytes(60, "big"), 1)
            assert datapath.dump().state().flows == {flow.key: flow for flow in wanted}
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(datapath,)) for datapath in rig.recorder.connects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    rig.recorder.wait(lambda told: len(told.packets) == 400)
    for dpid in dpids:
        frames = [packet.frame for packet in rig.recorder.packets if packet.dpid == dpid]
        assert frames == [number.to_bytes(60, "big") for number in range(200)]


def test_a_switch_of_another_authority_is_refused(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    # It believes us, but we do not believe it.
    rig.present(rig.stranger.identity("switch"), rig.authority)
    rig.switch.add_bridge("tls1")
    rig.switch.vsctl("set-controller", "tls1", f"ssl:127.0.0.1:{rig.port}")
    wait_until(lambda: "certificate verify failed" in caplog.text)
    assert rig.recorder.order == []


def test_a_controller_of_another_authority_is_refused(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.present(rig.authority.identity("switch"), rig.stranger)
    rig.switch.add_bridge("tls1")
    rig.switch.vsctl("set-controller", "tls1", f"ssl:127.0.0.1:{rig.port}")
    wait_until(lambda: "session ended" in caplog.text)
    assert rig.recorder.order == []


def test_a_switch_without_tls_is_refused(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedSwitch(rig.port) as switch:
        while switch.receive() is not None:
            pass
    wait_until(lambda: "session ended" in caplog.text)
    assert rig.recorder.order == []


def test_missing_files_are_an_error(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    channel = Channel(Endpoint("127.0.0.1", 0), Recorder(), tls=MutualTls(absent, absent, absent))
    with pytest.raises(OSError, match="No such file"):
        channel.start()
