"""Random packets that a NIC of a cloud may send: each part of them honest or not."""

from __future__ import annotations

from random import Random

from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.packet import ARP, BROADCAST, ICMP, ICMPV6, IPV4, IPV6, LLDP, TCP, UDP, Packet
from sdn_orch.intent.routing import StaticRoute
from tests.property.clouds import Cloud

_GROUPS = (BROADCAST, 0x01005E000005, 0x3333000000FB, 0x0180C2000000, 0x01005E7FFFFF)
#: What follows the ports of a SYN: sequence numbers, the length and the flag, window, checksum, pointer.
REST_OF_TCP = bytes(8) + b"\x50\x02" + bytes(6)
_ALL_NODES, _ALL_ROUTERS = 0xFF02 << 112 | 1, 0xFF02 << 112 | 2


class Packets:
    """Makes packets that a NIC sends; `forgery` is how often one part of them is not what is right."""

    def __init__(self, cloud: Cloud, random: Random, forgery: float = 0.12) -> None:
        self.random, self.forgery = random, forgery
        networks = list(cloud.snapshot.all(Network))
        nics = list(cloud.snapshot.all(Nic))
        self.networks = {network.id: network for network in networks}
        self.nics = nics
        gateways = [mac_number(network.gateway_mac) for network in networks]
        nic_macs = [mac_number(nic.mac) for nic in nics]
        # Labels, and the sources of routed frames on VLAN underlays, are for switches only.
        labels = [2 << 40 | switch << 24 | low for switch in (1, 2, 3) for low in (1, 2, 0x800001, 0x800002)]
        self.macs = [*nic_macs, *gateways, *labels, 0x0E5D01000001, 0]
        self.ipv4 = [int(a) for nic in nics for a in nic.addresses if a.version == 4]
        self.ipv4 += [int(n.gateway4) for n in networks if n.gateway4]
        #: Somebody behind each static route, and by which network it is reached.
        self.behind = {route.network_id: int(route.prefix[5]) for route in cloud.snapshot.all(StaticRoute)}
        self.ipv4 += self.behind.values()
        self.ipv4 += [0, 0xFFFFFFFF, 0xE0000005, 0xEFFF0001, 0x0A0000FF, 0x08080808, 0xA9FEA9FE, 0x0A00000F]
        self.ipv6 = [int(a) for nic in nics for a in nic.addresses if a.version == 6]
        self.ipv6 += [int(n.gateway6) for n in networks if n.gateway6]
        self.ipv6 += [link_local(mac) for mac in (*nic_macs, *gateways)]
        self.ipv6 += [
            0,
            _ALL_NODES,
            _ALL_ROUTERS,
            0x20010DB8 << 96 | 0xFF,
            0xFF02 << 112 | 1 << 32 | 0xFF000010,
        ]

    def make(self, nic: Nic) -> Packet:
        """One packet of a random kind."""
        kinds = (self._arp, self._neighbour, self._icmpv6, self._ipv4, self._ipv4, self._ipv6, self._other)
        return self._cut(self.random.choice(kinds)(nic))

    def _cut(self, packet: Packet) -> Packet:
        """Some first fragments are too short for the header that would say what they are."""
        if packet.get("ip_frag") != 1 or self.random.random() < 0.7:
            return packet
        headers = ("tcp", "udp", "icmpv4", "icmpv6")
        rest = packet.without(*(name for name, _ in packet if name.partition("_")[0] in headers))
        return Packet(rest.fields, bytes(self.random.choice((0, 4))), packet.options)

    def _is_forged(self) -> bool:
        return self.random.random() < self.forgery

    def _ethernet(self, nic: Nic) -> dict[str, int]:
        own = mac_number(nic.mac)
        return {
            "eth_src": self.random.choice(self.macs) if self._is_forged() else own,
            "eth_dst": self._target(nic),
        }

    def _target(self, nic: Nic) -> int:
        where = self.random.random()
        if where < 0.35:
            return mac_number(self.networks[nic.network_id].gateway_mac)
        if where < 0.65:
            peers = [other for other in self.nics if other.network_id == nic.network_id]
            return mac_number(self.random.choice(peers).mac)
        return self.random.choice(_GROUPS) if where < 0.85 else self.random.choice(self.macs)

    def _own(self, nic: Nic, version: int) -> int:
        own = [int(address) for address in nic.addresses if address.version == version]
        if version == 6:
            own.append(link_local(mac_number(nic.mac)))
        elif nic.network_id in self.behind and self.random.random() < 0.2:
            own = [self.behind[nic.network_id]]
        pool = self.ipv4 if version == 4 else self.ipv6
        return self.random.choice(pool) if not own or self._is_forged() else self.random.choice(own)

    def _to(self, nic: Nic, version: int) -> int:
        """Any address, more often one that the NIC's router knows."""
        home = self.networks[nic.network_id]
        near = [
            int(address)
            for network in self.networks.values()
            if network.id == home.id or (home.vpc_id is not None and network.vpc_id == home.vpc_id)
            for address in (
                network.gateway4,
                network.gateway6,
                *(a for other in self.nics if other.network_id == network.id for a in other.addresses),
            )
            if address is not None and address.version == version
        ]
        if version == 4 and home.vpc_id is not None:
            near += self.behind.values()
        if near and self.random.random() < 0.65:
            return self.random.choice(near)
        return self.random.choice(self.ipv4 if version == 4 else self.ipv6)

    def _arp(self, nic: Nic) -> Packet:
        fields = self._ethernet(nic)
        sender = self.random.choice(self.macs) if self._is_forged() else fields["eth_src"]
        spa = 0 if self.random.random() < 0.1 else self._own(nic, 4)
        operation = self.random.choice((1, 1, 1, 1, 2, 3))
        target = self._to(nic, 4)
        arp = {"arp_op": operation, "arp_sha": sender, "arp_spa": spa, "arp_tha": 0, "arp_tpa": target}
        return Packet.from_fields({**fields, "eth_type": ARP, **arp})

    def _service(self) -> dict[str, int]:
        return {"ip_dscp": self.random.choice((0, 46)), "ip_ecn": 0}

    def _ip6(self, nic: Nic, protocol: int) -> dict[str, int]:
        ttl = self.random.choice((255, 255, 64, 2, 1, 0))
        fragment = self.random.choice((0,) * 12 + (1, 3))
        return {
            **self._ethernet(nic),
            **self._service(),
            "eth_type": IPV6,
            "ip_ttl": ttl,
            "ip_frag": fragment,
            "ip_proto": protocol,
            "ipv6_src": self._own(nic, 6),
            "ipv6_dst": self._to(nic, 6),
        }

    def _options(self, fields: dict[str, int]) -> bytes:
        """The extension header of a fragment."""
        if not fields["ip_frag"]:
            return b""
        place = 1 if fields["ip_frag"] == 1 else 0x00B8
        return bytes([44, fields["ip_proto"], 0]) + place.to_bytes(2, "big") + bytes(4)

    def _neighbour(self, nic: Nic) -> Packet:
        fields = self._ip6(nic, ICMPV6)
        kind = self.random.choice((135, 135, 136))
        code = 1 if self.random.random() < 0.05 else 0
        mac = self.random.choice(self.macs) if self._is_forged() else fields["eth_src"]
        mac = 0 if self.random.random() < 0.15 else mac
        target = self._own(nic, 6) if kind == 136 else self._to(nic, 6)
        if fields["ip_frag"] or code:
            return Packet.from_fields(
                fields if fields["ip_frag"] == 3 else {**fields, "icmpv6_type": kind, "icmpv6_code": code},
                bytes(4) + target.to_bytes(16, "big"),
                self._options(fields),
            )
        return Packet.from_fields(
            {
                **fields,
                "icmpv6_type": kind,
                "icmpv6_code": code,
                "ipv6_nd_reserved": 0,
                "ipv6_nd_target": target,
                "ipv6_nd_options_type": (1 if kind == 135 else 2) if mac else 0,
                "ipv6_nd_sll": mac if kind == 135 else 0,
                "ipv6_nd_tll": mac if kind == 136 else 0,
            }
        )

    def _icmpv6(self, nic: Nic) -> Packet:
        fields = self._ip6(nic, ICMPV6)
        if fields["ip_frag"] != 3:
            kind = self.random.choice((128, 128, 128, 129, 133, 134, 137, 143, 1))
            fields |= {"icmpv6_type": kind, "icmpv6_code": 1 if self.random.random() < 0.05 else 0}
        return Packet.from_fields(fields, self._payload(), self._options(fields))

    def _ipv6(self, nic: Nic) -> Packet:
        fields = self._ip6(nic, self.random.choice((UDP, UDP, TCP, 59, 89)))
        fields = self._asking(nic, fields | self._ports(fields))
        return Packet.from_fields(fields, self._behind(fields), self._options(fields))

    def _ipv4(self, nic: Nic) -> Packet:
        fields = {
            **self._ethernet(nic),
            **self._service(),
            "eth_type": IPV4,
            "ip_ttl": self.random.choice((64, 64, 64, 2, 1, 0)),
            "ip_frag": self.random.choice((0,) * 12 + (1, 3)),
            "ip_proto": self.random.choice((ICMP, ICMP, UDP, UDP, TCP, 2)),
            "ipv4_src": self._own(nic, 4),
            "ipv4_dst": self._to(nic, 4),
        }
        fields = self._asking(nic, fields | self._ports(fields))
        return Packet.from_fields(fields, self._behind(fields))

    def _ports(self, fields: dict[str, int]) -> dict[str, int]:
        protocol = fields["ip_proto"]
        if fields["ip_frag"] == 3:
            return {}
        if protocol == ICMP:
            kind = self.random.choice((8, 8, 8, 0, 3))
            return {"icmpv4_type": kind, "icmpv4_code": 1 if self.random.random() < 0.05 else 0}
        if protocol not in (UDP, TCP):
            return {}
        name = "udp" if protocol == UDP else "tcp"
        source, destination = self.random.choice(
            (
                (68, 67),
                (67, 68),
                (546, 547),
                (547, 546),
                (5353, 5353),
                (1024, 80),
                (1024, 8080),
                (1024, 53),
                (67, 67),
                (1024, 67),
            )
        )
        return {f"{name}_src": source, f"{name}_dst": destination}

    def _asking(self, nic: Nic, fields: dict[str, int]) -> dict[str, int]:
        """Sometimes a question for names instead, to a gateway of the NIC's router or of another one."""
        if "udp_dst" not in fields or self.random.random() < 0.6:
            return fields
        field = "ipv4_dst" if "ipv4_dst" in fields else "ipv6_dst"
        home = self.networks[nic.network_id]
        asked = self.random.choice([home, *self.networks.values()])
        gateway = asked.gateway4 if field == "ipv4_dst" else asked.gateway6
        to = {} if gateway is None else {field: int(gateway)}
        return fields | {"eth_dst": mac_number(home.gateway_mac), "udp_dst": 53, **to}

    def _behind(self, fields: dict[str, int]) -> bytes:
        """The payload, in TCP with the rest of its header: without its length Open vSwitch sees no ports."""
        payload = self._payload()
        return REST_OF_TCP + payload[len(REST_OF_TCP) :] if "tcp_src" in fields else payload

    def _payload(self) -> bytes:
        return bytes(self.random.choice((20, 20, 20, 1400, 1460, 3000)))

    def _other(self, nic: Nic) -> Packet:
        kind = self.random.choice((0x88B5, 0x88B5, 0x8847, LLDP, 0x05FF))
        packet = Packet.from_fields({**self._ethernet(nic), "eth_type": kind}, bytes(46))
        return packet.replace(vlan_vid=0x100A, vlan_pcp=0) if self.random.random() < 0.2 else packet
