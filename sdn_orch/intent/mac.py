"""MAC addresses as numbers, and the IPv6 addresses that hosts make of them."""

from __future__ import annotations


def mac_number(mac: str) -> int:
    """A MAC address in colon notation as a number."""
    return int(mac.replace(":", ""), 16)


def interface_identifier(mac: int) -> int:
    """The lower half of an IPv6 address that a MAC forms (RFC 4291, appendix A: modified EUI-64)."""
    return (mac >> 24 ^ 0x020000) << 40 | 0xFFFE << 24 | mac & 0xFFFFFF


def link_local(mac: int) -> int:
    """The link-local IPv6 address that a station with this MAC gives itself."""
    return 0xFE80 << 112 | interface_identifier(mac)
