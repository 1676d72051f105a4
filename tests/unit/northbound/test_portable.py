"""Public addresses that move between zones with what they lead to."""

from __future__ import annotations

from typing import Any

from sdn_orch.intent.public import PublicRange
from sdn_orch.northbound.cloudstack.model_public import PortableRange
from tests.cloudstack import Client, Cloud
from tests.contract.everything import portable_range, public_range
from tests.unit.northbound.test_addresses import refused


def states(cloud: Cloud) -> list[str]:
    (shown,) = cloud.admin.call("listPortableIpRanges")["portableiprange"]
    return [each["state"] for each in shown["portableipaddress"]]


def other_zone(cloud: Cloud) -> Cloud:
    """The same cloud with another zone, where things are made from now on."""
    zone = cloud.admin.call(
        "createZone", name="other", networktype="Advanced", dns1="192.0.2.53", internaldns1="192.0.2.54",
        allocationstate="Enabled",
    )["zone"]["id"]  # fmt: skip
    made = cloud.admin.job("createPhysicalNetwork", name="there", zoneid=zone)["physicalnetwork"]["id"]
    cloud.admin.job("updatePhysicalNetwork", id=made, state="Enabled")
    cloud.zone = zone
    return cloud


def test_a_range_is_shown_with_its_addresses(cloud: Cloud, red: Client) -> None:
    assert red.call("listRegions")["region"][0]["portableipserviceenabled"] is False
    made = portable_range(cloud)
    expected = {
        "regionid": 1, "gateway": "203.0.114.1", "netmask": "255.255.255.0", "startip": "203.0.114.10",
        "endip": "203.0.114.13", "vlan": "vlan://untagged",
    }  # fmt: skip
    assert made | expected == made
    assert cloud.admin.call("listPortableIpRanges", regionid=1)["portableiprange"] == [made]
    assert cloud.admin.call("listPortableIpRanges", id=made["id"])["portableiprange"] == [made]
    assert red.call("listRegions")["region"][0]["portableipserviceenabled"] is True
    free = {"ipaddress": "203.0.114.10", "state": "Free", "regionid": 1}
    assert made["portableipaddress"][0] == free
    assert refused(red, "listPortableIpRanges")[0] == 432
    # It is none of the ranges of zones.
    assert cloud.admin.call("listVlanIpRanges") == {}
    (public,) = cloud.snapshot.all(PublicRange)
    assert refused(cloud.admin, "deleteVlanIpRange", id=public.id)[0] == 431
    root = cloud.admin.ids("listDomains")["ROOT"]
    assert refused(cloud.admin, "dedicatePublicIpRange", id=public.id, domainid=root)[0] == 431
    assert cloud.admin.call("listPublicIpAddresses", allocatedonly="false") == {}


def test_a_portable_address_moves_to_another_zone(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    range_id = portable_range(cloud)["id"]
    here, there = cloud.zone, other_zone(cloud).zone
    cloud.zone = here
    near = cloud.machine(red, "near", networkids=cloud.network(red, "near")["id"])
    cloud.zone = there
    far = cloud.machine(red, "far", networkids=cloud.network(red, "far")["id"])
    taken: Any = red.job("associateIpAddress", zoneid=here, isportable="true")["ipaddress"]
    expected = {"ipaddress": "203.0.114.10", "isportable": True, "zoneid": here, "state": "Allocated"}
    assert taken | expected == taken
    assert states(cloud) == ["Allocated", "Free", "Free", "Free"]
    on = {"ipaddressid": taken["id"]}

    def where() -> tuple[str, str, str]:
        (shown,) = red.call("listPublicIpAddresses", id=taken["id"])["publicipaddress"]
        return shown["zoneid"], shown["associatednetworkname"], shown["virtualmachinename"]

    red.call("enableStaticNat", **on, virtualmachineid=near["id"])
    assert where() == (here, "near", "near")
    assert refused(red, "enableStaticNat", **on, virtualmachineid=far["id"])[0] == 537
    red.job("disableStaticNat", **on)
    red.call("enableStaticNat", **on, virtualmachineid=far["id"])
    assert where() == (there, "far", "far")
    assert [each["id"] for each in red.call("listPublicIpAddresses", zoneid=there)["publicipaddress"]] == [
        taken["id"]
    ]
    red.job("disableStaticNat", **on)
    ports = {"protocol": "tcp", "publicport": 22, "privateport": 22, "virtualmachineid": far["id"]}
    red.job("createPortForwardingRule", **on, **ports)
    # One that leads nowhere yet goes wherever it is first led.
    second = red.job("associateIpAddress", zoneid=here, isportable="true")["ipaddress"]["id"]
    red.job("createPortForwardingRule", ipaddressid=second, **ports)
    (shown,) = red.call("listPublicIpAddresses", id=second)["publicipaddress"]
    assert (shown["zoneid"], shown["associatednetworkname"]) == (there, "far")
    red.job("disassociateIpAddress", id=second)
    assert "already rules" in refused(red, "enableStaticNat", **on, virtualmachineid=near["id"])[1]
    assert refused(cloud.admin, "deletePortableIpRange", id=range_id) == (
        431, "Can't delete portable IP range as there are IP's assigned."
    )  # fmt: skip
    red.job("disassociateIpAddress", id=taken["id"])
    assert states(cloud) == ["Free"] * 4
    cloud.admin.job("deletePortableIpRange", id=range_id)
    assert cloud.snapshot.count(PortableRange) == 0
    assert cloud.snapshot.count(PublicRange) == 1


def test_other_addresses_do_not_move(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    one, two = (cloud.network(red, name)["id"] for name in ("one", "two"))
    machine = cloud.machine(red, "vm", networkids=two)["id"]
    red.job("associateIpAddress", networkid=one)
    address = red.job("associateIpAddress", networkid=one)["ipaddress"]["id"]
    assert "has no NIC" in refused(red, "enableStaticNat", ipaddressid=address, virtualmachineid=machine)[1]
    assert refused(red, "associateIpAddress", networkid=one, isportable="true")[0] == 533
    # Nor do those that lead nowhere yet leave their zone.
    free = red.job("associateIpAddress", zoneid=cloud.zone)["ipaddress"]["id"]
    far = other_zone(cloud).network(red, "far")["id"]
    there = cloud.machine(red, "far", networkids=far)["id"]
    assert "has no NIC" in refused(red, "enableStaticNat", ipaddressid=free, virtualmachineid=there)[1]


def test_a_range_meets_nothing_else(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    portable_range(cloud)
    given = {
        "regionid": 1, "gateway": "203.0.114.1", "netmask": "255.255.255.0", "startip": "203.0.114.20",
        "endip": "203.0.114.29",
    }  # fmt: skip
    cloud.shared(vlan=900)
    subnet = "same subnet as your portable IP range's gateway and as per the IP range's netmask."
    wrong: tuple[tuple[dict[str, object], str], ...] = (
        ({"regionid": 2}, "Invalid region ID: 2"),
        ({"startip": "203.0.114.30"}, "Invalid portable ip  range: 203.0.114.30-203.0.114.29"),
        ({"startip": "203.0.113.200"}, f"Please ensure that your start IP is in the {subnet}"),
        ({"endip": "203.0.115.1"}, f"Please ensure that your end IP is in the {subnet}"),
        (
            {"startip": "203.0.114.13"},
            "Ip  range: 203.0.114.13-203.0.114.29 overlaps with a portable IP range already configured in the"
            " region 1",
        ),
        (
            {"gateway": "203.0.113.1", "startip": "203.0.113.5", "endip": "203.0.113.20"},
            "The Start IP and endIP address range overlap with Public IP :203.0.113.10",
        ),
        (
            {"vlan": "900"},
            "Found a VLAN id 900 already existing in zone zone that conflicts with VLAN id of the portable ip"
            " range being configured",
        ),
        (
            {"vlan": "150"},
            "The VLAN tag 150 is already being used for dynamic vlan allocation for the guest network in zone"
            " zone",
        ),
        (
            {"netmask": "255.0.0.0", "endip": "203.1.115.0"},
            "Invalid portable ip  range: 203.0.114.20-203.1.115.0: it may have 65536 addresses at most",
        ),
    )
    for change, text in wrong:
        assert refused(cloud.admin, "createPortableIpRange", **given | change) == (431, text)
    more = {"zoneid": cloud.zone, "forvirtualnetwork": "true", "gateway": "203.0.114.1"}
    assert refused(
        cloud.admin, "createVlanIpRange", **more, netmask="255.255.255.0", startip="203.0.114.12"
    ) == (
        431,
        "Ip range: 203.0.114.12-203.0.114.12 overlaps with a portable IP range already configured in the"
        " region 1",
    )
    assert cloud.admin.job("createPortableIpRange", **given, vlan="901")["portableiprange"]["vlan"] == (
        "vlan://901"
    )
