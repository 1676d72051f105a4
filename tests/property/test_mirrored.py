"""Lists of rules on plain switches: those that mean the same without connection tracking, and no others."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdn_orch.dataplane.compiler import Compiled, compile_switch
from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.plan import diff
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.dataplane.simulate import trace
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.wires import Wires
from sdn_orch.dataplane.world import World
from sdn_orch.errors import InUse, Invalid, NotFound
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.guard import lets, passes
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.meaning import arrives, delivers
from sdn_orch.intent.mirrored import unmirrored
from sdn_orch.intent.model import Attachment, Network, Nic, Record, Switch
from sdn_orch.intent.outside import Conversations, one_of, version_of, words_of
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.policy import list_policy, policy_of
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.traffic import GRE, ICMP, ICMPV6, TCP, UDP, VERSIONS, Direction
from sdn_orch.intent.verdict import OUTSIDE
from sdn_orch.openflow.values import OPENFLOW_13, State
from sdn_orch.reconcile import switches_of
from tests.effort import examples
from tests.property.clouds import Cloud
from tests.property.compiled import compile_all, received
from tests.property.compiled import speaker as taken_for
from tests.property.mirrored import Words, list_of, protocols_of, with_policies_on_plain
from tests.property.outside import PUBLIC_PORT, Peers, answer
from tests.property.packets import Packets
from tests.property.steps import apply
from tests.property.test_incremental import assert_same, changes, start
from tests.property.test_meaning import SEEDS, connected_in
from tests.property.untracked import Speakers, plain_cloud
from tests.unit.dataplane.worlds import OPEN_VSWITCH, PLAIN, attach, network, nic, tenant, vpc

WORDS_PER_LIST, WORDS_PER_CLOUD = 60, 80
_BACK = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}


def behind(random: Random, *, cuts: bool = False) -> tuple[Snapshot, Snapshot, Nic]:
    """A machine under a random list, behind a switch that tracks connections, and behind a plain one."""
    tier = replace(network("web", 1, vpc_id="shop"), acl_id="list", cuts_connections=cuts)
    one = nic(tier, 10)
    records: list[Record] = [
        *tenant(),
        vpc("shop"),
        *list_of(random, "list"),
        tier,
        one,
        attach(one.id, "edge", 1),
    ]
    tracking, plain = (
        Snapshot.of(Switch(id="edge", dpid=1, name="edge", capabilities=can), *records)
        for can in (OPEN_VSWITCH, PLAIN)
    )
    return tracking, plain, tracking.need(Nic, one.id)


@settings(max_examples=examples(400))
@given(SEEDS, st.booleans())
def test_lists_that_plain_switches_serve_mean_what_they_mean_with_connections(seed: int, cuts: bool) -> None:
    random = Random(seed)
    tracking, plain, machine = behind(random, cuts=cuts)
    if policy_of(plain, machine) is None or unmirrored(plain, "list", (4, 6)):
        return
    words = Words(random, machine, plain.where(AclItem, "list_id", "list"))
    memory, none = Conversations(), Conversations()
    heard: list[tuple[Direction, Packet]] = []
    for _ in range(WORDS_PER_LIST):
        if heard and random.random() < 0.5:
            # The answer to what has passed, or the same once more.
            direction, packet = random.choice(heard)
            if random.random() < 0.8:
                direction, packet = _BACK[direction], answer(packet)
        else:
            direction = random.choice(list(Direction))
            packet = words.begin(direction)
        said = words_of(packet)
        if said is not None and said.is_reply:
            sides = frozenset((said.source, said.destination))
            if (said.protocol, sides) not in memory.at(machine.id):
                # Who knows connections drops it; nobody would do anything with it.
                continue
        meant = passes(tracking, machine, direction, packet, memory, routed=True)
        assert passes(plain, machine, direction, packet, none, routed=True) == meant, packet
        if meant:
            heard.append((direction, packet))
    assert not none.edges


@settings(max_examples=examples(400))
@given(SEEDS)
def test_lists_that_plain_switches_refuse_would_mean_something_else_there(seed: int) -> None:
    """But for those that name what answers have otherwise."""
    random = Random(seed)
    _, plain, machine = behind(random)
    items = plain.where(AclItem, "list_id", "list")
    reason = unmirrored(plain, "list", (4, 6))
    if any(item.ports or item.icmp_type is not None for item in items):
        assert " names " in reason
        return
    words, policy = Words(random, machine, items), list_policy(plain.need(AclList, "list"))
    differing = [
        packet
        for version in (4, 6)
        for protocol in protocols_of(plain, "list")
        for far in words.far[version]
        if VERSIONS.get(protocol, version) == version
        and (packet := words.packet(version, protocol, far, Direction.EGRESS))
        and lets(plain, policy, Direction.EGRESS, packet)
        != lets(plain, policy, Direction.INGRESS, answer(packet))
    ]
    assert bool(differing) == bool(reason), f"{reason}\n{differing}\n{items}"


@given(SEEDS, st.booleans())
def test_plain_switches_do_what_lists_mean(seed: int, mixed: bool) -> None:
    """Between tiers, also where Open vSwitch is at the other end, and to and from what is outside."""
    random = Random(seed)
    cloud = plain_cloud(random)
    cloud = with_policies_on_plain(random, among_open_vswitch(random, cloud) if mixed else cloud)
    snapshot, tables, connected = cloud.snapshot, compile_all(cloud.snapshot), connected_in(cloud)
    wires, speakers, peers = Wires.of(snapshot), Speakers(cloud, random), Peers(cloud, random)
    packets = Packets(cloud, random, forgery=0.05)
    (gateway,) = snapshot.where(Switch, "is_gateway", True)
    memory, tracked = Conversations(), {switch.id: Connections() for switch in snapshot.all(Switch)}
    machines = [nic for nic in cloud.nics if nic.ipv4 is not None]
    machines6 = [nic for nic in cloud.nics if nic.ipv6 is not None]
    answers: list[tuple[Nic, Packet]] = []
    for _ in range(WORDS_PER_CLOUD):
        choice, speaker = random.random(), None
        if answers and choice < 0.3:
            speaker, packet = answers.pop(random.randrange(len(answers)))
        elif choice < 0.55 and machines:
            speaker = random.choice(machines)
            packet = peers.outward(speaker) if choice < 0.45 else speakers.outward(speaker)
        elif choice < 0.7 and machines6:
            speaker = random.choice(machines6)
            packet = peers.outward6(speaker)
        elif choice < 0.85 and cloud.nics:
            packet = packets.make(speaker := random.choice(cloud.nics))
            speaker = taken_for(snapshot, speaker, packet)
            is_resolving = "arp_op" in packet or "ipv6_nd_target" in packet
            if packet.is_multicast or is_resolving or packet.get("ip_frag") == 1:
                continue  # see `test_plain_switches_never_do_more_than_is_meant`
        else:
            packet = speakers.inward()
        target = packet.get(f"ipv{version_of(packet)}_dst")
        if speaker is not None and target in {int(address) for address in speaker.addresses}:
            continue  # to itself, by its router: of that conversation it is both ends
        if speaker is None:
            at, sent = (gateway.id, PUBLIC_PORT), packet
        else:
            place = snapshot.where(Attachment, "nic_id", speaker.id)[0]
            if place.vlan is not None and "vlan_vid" in packet:
                continue
            at = (place.switch_id, place.port)
            sent = packet if place.vlan is None else packet.replace(vlan_vid=0x1000 | place.vlan, vlan_pcp=0)
        found = trace(
            tables, wires, at, sent, lambda _group, live, _packet: random.choice(live), connections=tracked
        )
        memory.choose = one_of(found.destinations(Table.INWARD))
        if speaker is None:
            meant = arrives(snapshot, packet, connected, memory)
        else:
            meant = delivers(snapshot, speaker, packet, connected, memory)
        got = received(snapshot, found)
        if meant.answer is not None and meant.answer.reply is not None:
            # The controller answers for plain switches.
            assert got <= {(speaker and speaker.id, meant.answer.reply)}
            continue
        assert got == meant.received, f"{speaker}\nsends {sent}\nmeant {meant}\n{found.exits}\n{found.drops}"
        assert not found.looped
        for receiver, arrived in meant.received:
            if receiver != OUTSIDE and version_of(arrived) is not None:
                answers.append((snapshot.need(Nic, receiver), answer(arrived)))


def among_open_vswitch(random: Random, cloud: Cloud) -> Cloud:
    """The cloud with Open vSwitch in place of some of the switches that are no gateway."""
    chosen = [each for each in cloud.snapshot.all(Switch) if not each.is_gateway and random.random() < 0.6]
    changes = [Put(replace(switch, capabilities=OPEN_VSWITCH)) for switch in chosen]
    return replace(cloud, snapshot=cloud.snapshot.change(changes))


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_lists_on_plain_switches_are_compiled_anew_where_they_change(data: st.DataObject) -> None:
    snapshot = start(PLAIN)
    world = World.of(snapshot)
    compiled = {switch.id: compile_switch(world, switch.id) for switch in snapshot.all(Switch)}
    kinds = (*[AclItem] * 6, *[SecurityRule] * 3, Nic, Attachment, Network, Network, Switch)
    for _ in range(data.draw(st.integers(1, 8))):
        wanted = data.draw(changes(snapshot, kinds))
        try:
            after = snapshot.change(wanted)
        except (Invalid, InUse, NotFound):
            continue
        differences = after.differences(snapshot, wanted)
        advanced, fresh = world.advance(differences, after), World.of(after)
        units = touched(world, advanced, differences)
        for switch in after.all(Switch):
            mine = compiled.setdefault(switch.id, Compiled(switch.id, State.empty(), {}))
            mine.replace(advanced, [owner for owner, at in units if at == switch.id])
            assert_same(mine, compile_switch(fresh, switch.id))
            for each in (AclItem, AclList):
                for record in after.all(each):
                    kind = OwnerKind.ITEM if each is AclItem else OwnerKind.LIST
                    owner = Owner(kind, record.id)
                    if mine.rules.get(owner):
                        assert switch.id in switches_of(advanced, owner)
        snapshot, world = after, advanced


@settings(max_examples=examples(150))
@given(SEEDS)
def test_no_step_to_another_list_lets_more_pass_than_both(seed: int) -> None:
    """A plain switch takes the messages of a plan one by one."""
    random = Random(seed)
    _, alone, machine = behind(random)
    beside = network("db", 0, vpc_id="shop")
    more = (IPv4Address("10.0.1.10"), IPv4Address("10.0.1.130"))
    peer = replace(nic(beside, 10), secondary4=more)
    before = alone.change([Put(beside), Put(peer), Put(attach(peer.id, "edge", 2))])
    after = before.change(other_items(random, before))
    old, desired = (compile_switch(World.of(each), "edge").state for each in (before, after))
    operations = list(diff(desired, old, OPENFLOW_13))
    stops = random.sample(range(len(operations) + 1), min(4, len(operations)))
    states = [old, desired, *(apply(old, operations[:stop]) for stop in stops)]
    first, last, *between = (Tables(state, OPENFLOW_13, open_vswitch=False) for state in states)
    words, wires = Words(random, machine, ()), Wires.of(before)
    far = {version: [int(each) for each in peer.addresses if each.version == version] for version in (4, 6)}

    def passes_by(tables: Tables, direction: Direction, packet: Packet) -> bool:
        start = ("edge", 1 if direction is Direction.EGRESS else 2)
        found = trace({"edge": tables}, wires, start, packet, lambda _group, live, _packet: live[0])
        return bool(found.exits)

    for _ in range(WORDS_PER_LIST // 2):
        direction, version = random.choice(list(Direction)), random.choice((4, 4, 6))
        protocol = random.choice((TCP, UDP, GRE, ICMP if version == 4 else ICMPV6))
        packet = words.packet(version, protocol, random.choice(far[version]), direction)
        if direction is Direction.INGRESS:
            packet = packet.replace(
                eth_dst=mac_number(after.need(Network, "db").gateway_mac), eth_src=mac_number(peer.mac)
            )
        may = any(passes_by(tables, direction, packet) for tables in (first, last))
        for tables in between:
            assert may or not passes_by(tables, direction, packet), packet


def other_items(random: Random, snapshot: Snapshot) -> list[Change]:
    """Changes of the list to another one, which may have some of its items."""
    held = snapshot.where(AclItem, "list_id", "list")
    gone = [item for item in held if random.random() < 0.7]
    taken = {item.position for item in held} - {item.position for item in gone}
    new = [each for each in list_of(random, "list") if isinstance(each, AclItem)]
    put = [Put(replace(each, id=f"new {each.id}")) for each in new if each.position not in taken]
    return [*(Delete(AclItem, item.id) for item in gone), *put]
