"""Open vSwitch judges the simulator: both must do the same with the same rules and the same frames."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.execute import Visit
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.plan import pointed_at_first
from sdn_orch.dataplane.simulate import Trace, explore
from sdn_orch.dataplane.wires import End, Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.frames import read_frame, write_frame
from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.model import Arrival, Attachment, Link, Network, NetworkKind, Switch, Transport
from sdn_orch.intent.packet import IPV6, Packet
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.text import flow_to_ofctl, group_to_ofctl, meter_to_ofctl
from sdn_orch.openflow.values import OPENFLOW_13, FlowKey, State
from tests.ovs.bridges import Bridge, bridge, run
from tests.ovs.datapath_actions import Effect
from tests.property.clouds import Cloud, make_cloud, with_arrivals
from tests.property.mirrored import with_policies_on_plain
from tests.property.outside import PUBLIC_PORT, Peers
from tests.property.packets import Packets
from tests.property.untracked import Speakers, plain_cloud
from tests.southbound import wait_until

pytestmark = pytest.mark.ovs

#: Seed, transport, shape, and the switch that is compared.
CASES = [
    (0, Transport.LABEL, "single", "e1"),
    (1, Transport.LABEL, "two", "e1"),
    (2, Transport.LABEL, "leaf-spine", "e1"),
    (3, Transport.LABEL, "leaf-spine", "f1"),
    (4, Transport.LABEL, "full", "e2"),
    (5, Transport.LABEL, "mesh", "e1"),
    (10, Transport.LABEL, "ring", "e2"),
    (7, Transport.VLAN, "islands", "e1"),
]
#: Seeds of clouds in which a plain switch has lists that let some pass and some not, in both directions.
LISTED = (54, 59, 159)
PACKETS = 300
#: Where neighbour discovery says a MAC address.
OPTION = ("ipv6_nd_sll", "ipv6_nd_tll")


def ports_of(cloud: Cloud, switch: Switch) -> set[int]:
    """All ports that a switch needs."""
    ports = {each.port for each in cloud.snapshot.where(Attachment, "switch_id", switch.id)}
    ports |= {each.port for each in cloud.snapshot.where(Arrival, "switch_id", switch.id)}
    ports |= {port for link in cloud.snapshot.all(Link) for id, port in link.ports if id == switch.id}
    return ports if switch.underlay is None else ports | {switch.underlay}


@contextmanager
def programmed(state: State, version: int, ports: Iterable[int]) -> Iterator[tuple[Bridge, dict[int, int]]]:
    """A bridge with these rules and ports, and its OpenFlow ports by datapath port number."""
    with bridge() as made:
        made.ofctl("set-frags", "nx-match")
        names = {made.add_port(f"p{port}", port): port for port in sorted(ports)}
        for meter in state.meters.values():
            made.ofctl("add-meter", meter_to_ofctl(meter))
        # Tracing does not follow a packet through dp_hash: another method chooses among the same buckets.
        groups = [group_to_ofctl(state.groups[number]) for number in pointed_at_first(state.groups)]
        _push(
            made, "add-groups", [line.replace("=dp_hash", "=hash,fields(eth_src,eth_dst)") for line in groups]
        )
        _push(made, "add-flows", [flow_to_ofctl(decode_flow(each, version)) for each in state.flows.values()])
        shown = run("ovs-appctl", "dpif/show")
        numbers = re.findall(r"^\s+(\S+) (\d+)/(\d+):", shown, re.MULTILINE)
        yield made, {int(datapath): names[name] for name, _, datapath in numbers if name in names}


def _push(to: Bridge, command: str, lines: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        run("ovs-ofctl", "-O", "OpenFlow15", "--bundle", command, to.name, file.name)


def arrivals(
    cloud: Cloud, tables: dict[str, Tables], wires: Wires, switch_id: str, random: Random
) -> Iterator[tuple[int, Packet]]:
    """Frames that come to a switch: from its NICs, and from other switches as these send them."""
    packets = Packets(cloud, random, forgery=0.06)
    for _ in range(100 * PACKETS):
        nic = random.choice(cloud.nics)
        place = random.choice(cloud.places(nic))
        packet = packets.make(nic)
        if place.vlan is not None:
            if "vlan_vid" in packet:
                continue
            packet = packet.replace(vlan_vid=0x1000 | place.vlan, vlan_pcp=0)
        for trace in explore(tables, wires, (place.switch_id, place.port), packet, 4):
            for hop in trace.hops:
                if hop.end[0] == switch_id and hop.tunnel is None:
                    yield hop.end[1], read_frame(write_frame(hop.packet))


def ends(trace: Trace) -> tuple[tuple[tuple[int, Packet], ...], tuple[Packet, ...]]:
    """What a switch alone does: the frames that leave it by port, and those for the controller."""
    frames = sorted(((port, packet) for (_, port), packet in trace.exits), key=repr)
    return tuple(frames), tuple(punt.packet for _, punt in trace.punts)


def is_up(interface: str) -> bool:
    """Whether Open vSwitch takes the link of an interface to be up."""
    return run("ovs-vsctl", "get", "Interface", interface, "link_state").strip() == "up"


@pytest.mark.parametrize(("seed", "transport", "shape", "switch_id"), CASES)
def test_open_vswitch_does_what_the_simulator_says(
    seed: int, transport: Transport, shape: str, switch_id: str
) -> None:
    random = Random(seed)
    cloud = with_arrivals(random, make_cloud(random, transport=transport, shape=shape))
    world = World.of(cloud.snapshot)
    switches = list(cloud.snapshot.all(Switch))
    states = {switch.id: compile_switch(world, switch.id).state for switch in switches}
    tables = {switch.id: Tables(states[switch.id], switch.capabilities.version) for switch in switches}
    switch = cloud.snapshot.need(Switch, switch_id)
    cables = sorted(port for id, port in Wires.of(cloud.snapshot).cables if id == switch.id)
    dead: frozenset[End] = frozenset()
    with programmed(states[switch.id], switch.capabilities.version, ports_of(cloud, switch)) as (made, ports):
        compared = 0
        for index, (port, packet) in enumerate(
            arrivals(cloud, tables, Wires.of(cloud.snapshot), switch.id, random)
        ):
            if index == PACKETS:
                break
            if index == PACKETS // 2 and cables:
                # From here on one link is dead, where the packet does not come in.
                dead = frozenset({(switch.id, cables[0])})
                run("ip", "link", "set", f"{made.name}p{cables[0]}", "down")
                wait_until(lambda: not is_up(f"{made.name}p{cables[0]}"))
            if (switch.id, port) in dead:
                continue
            compared += 1
            compare(made, ports, tables[switch.id], (switch.id, port), packet, dead)
        assert compared > PACKETS // 3


def compare(
    made: Bridge,
    ports: dict[int, int],
    tables: Tables,
    start: End,
    packet: Packet,
    dead: frozenset[End] = frozenset(),
) -> None:
    """A frame that comes to a switch, which has other ends that are dead."""
    switch_id, port = start
    said = run("ovs-appctl", "ofproto/trace", made.name, f"in_port={port}", write_frame(packet).hex())
    (actions,) = re.findall(r"^Datapath actions: (.*)$", said, re.MULTILINE)
    real = Effect(ports)
    real.run(actions, packet)
    # Open vSwitch puts frames on a dead port as well; they get nowhere.
    real.frames = [(port, frame) for port, frame in real.frames if (switch_id, port) not in dead]
    # Of a copy that goes to the controller after an answer it does not write back the option's address.
    lost = OPTION if real.frames else ()
    real_ends = tuple(sorted(real.frames, key=repr)), tuple(punt.without(*lost) for punt in real.punts)
    traces = explore({switch_id: tables}, Wires({}, down=dead), start, packet)
    expected = {(left, tuple(punt.without(*lost) for punt in told)) for left, told in map(ends, traces)}
    assert real_ends in expected, f"{packet}\n{said}\n{expected}"


@pytest.mark.parametrize("seed", [6, 15, 25, 143])
def test_open_vswitch_does_what_the_simulator_says_of_a_plain_gateway(seed: int) -> None:
    """With static NAT and balancers by source, as an OpenFlow 1.3 switch has them."""
    random = Random(seed)
    cloud = plain_cloud(random)
    (gateway,) = cloud.snapshot.where(Switch, "is_gateway", True)
    state, speakers = compile_switch(World.of(cloud.snapshot), gateway.id).state, Speakers(cloud, random)
    tables = Tables(state, gateway.capabilities.version, open_vswitch=False)
    here = [
        (nic, place)
        for nic in speakers.members
        for place in cloud.snapshot.where(Attachment, "switch_id", gateway.id)
        if place.nic_id == nic.id
    ]
    left = came_in = 0
    with programmed(state, OPENFLOW_13, {*ports_of(cloud, gateway), PUBLIC_PORT}) as (made, ports):
        for _ in range(PACKETS // 3):
            if here and random.random() < 0.5:
                nic, place = random.choice(here)
                packet = speakers.outward(nic)
                port = place.port
                if place.vlan is not None:
                    packet = packet.replace(vlan_vid=0x1000 | place.vlan, vlan_pcp=0)
            else:
                port, packet = PUBLIC_PORT, speakers.inward()
            packet = read_frame(write_frame(packet))
            compare(made, ports, tables, (gateway.id, port), packet)
            for trace in explore({gateway.id: tables}, Wires({}), (gateway.id, port), packet):
                left += bool(trace.exits) and port != PUBLIC_PORT
                came_in += bool(trace.exits) and port == PUBLIC_PORT
    assert left and came_in


@pytest.mark.parametrize("seed", LISTED)
def test_open_vswitch_does_what_the_simulator_says_of_lists_on_a_plain_switch(seed: int) -> None:
    """Between tiers, as an OpenFlow 1.3 switch judges each packet alone."""
    random = Random(seed)
    cloud = with_policies_on_plain(random, plain_cloud(random))
    world, wires, peers = World.of(cloud.snapshot), Wires.of(cloud.snapshot), Peers(cloud, random)
    states = {each.id: compile_switch(world, each.id).state for each in cloud.snapshot.all(Switch)}
    tables = {id: Tables(state, OPENFLOW_13, open_vswitch=False) for id, state in states.items()}
    switch = max(cloud.snapshot.all(Switch), key=lambda each: sum(map(_is_ruled, states[each.id].flows)))
    needed = {*ports_of(cloud, switch), PUBLIC_PORT}
    judged = Counter[tuple[int, bool]]()
    with programmed(states[switch.id], OPENFLOW_13, needed) as (made, ports):
        for _ in range(PACKETS):
            nic = random.choice(cloud.nics)
            if nic.ipv6 is not None and (nic.ipv4 is None or random.random() < 0.3):
                packet = peers.outward6(nic)
            elif nic.ipv4 is not None:
                packet = peers.outward(nic)
            else:
                continue
            place = cloud.snapshot.where(Attachment, "nic_id", nic.id)[0]
            if place.vlan is not None:
                packet = packet.replace(vlan_vid=0x1000 | place.vlan, vlan_pcp=0)
            for trace in explore(tables, wires, (place.switch_id, place.port), packet, 4):
                for hop in trace.hops:
                    steps = [step for step in hop.outcome.steps if isinstance(step, Visit)]
                    ruled = [step for step in steps if step.table in (Table.FROM_RULES, Table.TO_RULES)]
                    if hop.end[0] == switch.id and hop.tunnel is None and ruled:
                        arrived = read_frame(write_frame(hop.packet))
                        compare(made, ports, tables[switch.id], hop.end, arrived)
                        judged.update((step.table, step is steps[-1]) for step in ruled)
    assert len(judged) == 4, judged


def _is_ruled(key: FlowKey) -> bool:
    return key[0] in (Table.FROM_RULES, Table.TO_RULES)


def test_a_first_fragment_without_all_its_headers_is_dropped() -> None:
    """`read_frame` refuses such frames, so no simulation tells of them: RFC 7112, 5."""
    random = Random(1)
    cloud = make_cloud(random, transport=Transport.LABEL, shape="single")
    (switch,) = cloud.snapshot.all(Switch)
    state = compile_switch(World.of(cloud.snapshot), switch.id).state
    nic = next(
        each
        for each in cloud.nics
        if each.active
        and cloud.snapshot.need(Network, each.network_id).kind != NetworkKind.L2
        and cloud.snapshot.where(Attachment, "nic_id", each.id)[0].vlan is None
    )
    mac = mac_number(nic.mac)
    fields = {"eth_src": mac, "eth_dst": 0x333300000001, "eth_type": IPV6, "ip_ttl": 255, "ip_proto": 89}
    fields |= {"ip_frag": 1, "ipv6_src": link_local(mac), "ipv6_dst": 0xFF02 << 112 | 1}
    first = bytes((0, 1)) + bytes(4)
    with programmed(state, switch.capabilities.version, ports_of(cloud, switch)) as (made, _):
        port = cloud.snapshot.where(Attachment, "nic_id", nic.id)[0].port

        def dropped(following: int, content: bytes) -> bool:
            packet = Packet.from_fields(fields, content, bytes([44, following, 0]) + first)
            frame = write_frame(packet).hex()
            said = run("ovs-appctl", "ofproto/trace", made.name, f"in_port={port}", frame)
            return "Datapath actions: drop" in said

        assert not dropped(89, bytes(16))
        # Destination options of 16 bytes, then ICMPv6: cut off in the options, behind them, and in ICMPv6.
        options = bytes((58, 1, 1, 12)) + bytes(12)
        assert dropped(60, b"")
        assert dropped(60, options[:8])
        assert dropped(60, options)
        assert dropped(60, options + bytes((134, 0, 0, 0)))
        assert dropped(60, options + bytes((134, 0)) + bytes(14))
        assert not dropped(60, options + bytes((128, 0)) + bytes(14))
        assert dropped(44, bytes((58, 0)) + first[:4])
        assert dropped(44, bytes((58, 0)) + first)
