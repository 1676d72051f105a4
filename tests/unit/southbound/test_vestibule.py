"""Switches that come before the listener is there."""

from __future__ import annotations

from sdn_orch.intent.model import Capabilities
from sdn_orch.southbound.base import Datapath, PacketIn, Port
from sdn_orch.southbound.fake import FakeSwitch
from sdn_orch.southbound.vestibule import Vestibule

_PORT = Port(1, "eth1", "02:00:00:00:00:01", True, 1000)
_PACKET = PacketIn(1, 1, 0, 0, 0, 0, b"frame")


class Heard:
    """A listener that writes down what it is told."""

    def __init__(self) -> None:
        self.of: list[tuple[object, ...]] = []

    def connected(self, datapath: Datapath) -> None:
        self.of.append(("connected", datapath))

    def disconnected(self, datapath: Datapath) -> None:
        self.of.append(("disconnected", datapath))

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        self.of.append(("port", datapath, port, removed))

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        self.of.append(("packet", datapath, packet))


def test_what_was_told_early_is_told_in_order_and_then_at_once() -> None:
    vestibule, heard = Vestibule(), Heard()
    switch = FakeSwitch(1, Capabilities())
    first = switch.connect(vestibule)
    vestibule.port_changed(first, _PORT, False)
    vestibule.packet_in(first, _PACKET)
    switch.disconnect()
    second = switch.connect(vestibule)
    assert heard.of == []
    vestibule.open(heard)
    assert heard.of == [
        ("connected", first),
        ("port", first, _PORT, False),
        ("disconnected", first),
        ("connected", second),
    ]
    vestibule.packet_in(second, _PACKET)
    vestibule.port_changed(second, _PORT, True)
    assert heard.of[4:] == [("packet", second, _PACKET), ("port", second, _PORT, True)]
