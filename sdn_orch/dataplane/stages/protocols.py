"""Numbers of protocols that more than one stage matches."""

from __future__ import annotations

ARP, IPV4, IPV6, LLDP = 0x0806, 0x0800, 0x86DD, 0x88CC
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ARP_REQUEST, ARP_REPLY = 1, 2
ECHO_REQUEST, ECHO_REPLY = 8, 0
ECHO_REQUEST_6, ECHO_REPLY_6 = 128, 129
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT = 135, 136, 137
#: UDP ports.
DHCP4_SERVER, DHCP4_CLIENT = 67, 68
DHCP6_CLIENT, DHCP6_SERVER = 546, 547
DNS = 53
#: The TCP port of connections that announce others (RFC 959): the switch reads along, and translates.
FTP = 21
#: What Open vSwitch gives as the protocol where the last header is not in the packet: 0 from its own
#: datapath, "no next header" from the kernel's.
NOT_THERE, NO_NEXT_HEADER = 0, 59
#: `ip_frag` of Open vSwitch.
WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT = 0, 1, 3

#: `vlan_vid` of a frame without a tag (OFPVID_NONE), and the bit that says there is one (OFPVID_PRESENT).
UNTAGGED, TAGGED = 0, 0x1000
