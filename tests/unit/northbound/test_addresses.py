"""Public ranges and addresses: who takes which, source NAT, and how they go."""

from __future__ import annotations

from typing import Any

from sdn_orch.intent.public import PublicAddress, PublicRange
from tests.cloudstack import SHARED, TIER, Client, Cloud, Refused
from tests.contract.everything import public_range


def refused(client: Client, command: str, **arguments: object) -> tuple[int, str]:
    """Code and text of a refusal, at once or by the job."""
    try:
        job = client.failed_or_done(command, **arguments)
    except Refused as error:
        return error.status, error.text
    assert job["jobstatus"] == 2
    return job["jobresult"]["errorcode"], job["jobresult"]["errortext"]


def taken(client: Client, **arguments: object) -> Any:
    return client.job("associateIpAddress", **arguments)["ipaddress"]


def listed(client: Client, **arguments: object) -> list[str]:
    answer = client.call("listPublicIpAddresses", **arguments)
    return [each["ipaddress"] for each in answer.get("publicipaddress", [])]


def test_a_range_is_shown_as_it_was_given(cloud: Cloud) -> None:
    made = public_range(cloud)
    (shown,) = cloud.admin.call("listVlanIpRanges", forvirtualnetwork="true")["vlaniprange"]
    assert shown == made
    wanted: dict[str, object] = {
        "startip": "203.0.113.10",
        "endip": "203.0.113.99",
        "vlan": "vlan://untagged",
    }
    wanted |= {"gateway": "203.0.113.1", "netmask": "255.255.255.0", "forvirtualnetwork": True}
    assert wanted.items() <= shown.items()
    assert "overlaps public range" in refused(
        cloud.admin, "createVlanIpRange", zoneid=cloud.zone, forvirtualnetwork="true", startip="203.0.113.99",
        gateway="203.0.113.1", netmask="255.255.255.0",
    )[1]  # fmt: skip


def test_a_range_has_ipv6_with_a_gateway(cloud: Cloud) -> None:
    given = {
        "zoneid": cloud.zone, "forvirtualnetwork": "true", "startip": "203.0.113.10",
        "gateway": "203.0.113.1", "netmask": "255.255.255.0",
    }  # fmt: skip
    for wrong, why in (
        ({"ip6gateway": "2001:db8::1"}, "ip6gateway and ip6cidr must be defined together"),
        ({"ip6cidr": "2001:db8::1/128"}, "must not be longer than a /64"),
        ({"ip6cidr": "2001:db8::/64", "ip6gateway": "2001:db9::1"}, "not inside 2001:db8::/64"),
    ):
        code, text = refused(cloud.admin, "createVlanIpRange", **given, **wrong)
        assert code == 431 and why in text
    made = cloud.admin.call("createVlanIpRange", **given, ip6cidr="2001:db8::/64")["vlan"]
    assert (made["ip6cidr"], made["ip6gateway"]) == ("2001:db8::/64", "2001:db8::1")


def test_a_public_vlan_is_none_that_networks_get(cloud: Cloud) -> None:
    given = {
        "zoneid": cloud.zone, "forvirtualnetwork": "true", "startip": "203.0.113.10",
        "gateway": "203.0.113.1", "netmask": "255.255.255.0",
    }  # fmt: skip
    why = "is already being used for dynamic vlan allocation for the guest network in zone zone"
    for vlan in ("100", "vlan://199"):
        found = refused(cloud.admin, "createVlanIpRange", **given, vlan=vlan)
        assert found == (431, f"The VLAN tag {vlan[-3:]} {why}")
    made = cloud.admin.call("createVlanIpRange", **given, vlan="200")["vlan"]
    wider = {"id": cloud.physical, "vlan": "100-200"}
    assert refused(cloud.admin, "updatePhysicalNetwork", **wider) == (
        431,
        f"200 is in use by public range {made['id']} and must stay out of the ranges",
    )
    # VNIs are no VLANs.
    vxlan = {"zoneid": cloud.zone, "name": "vx", "isolationmethods": "VXLAN", "vlan": "1-300"}
    cloud.admin.job("createPhysicalNetwork", **vxlan)
    cloud.admin.call("deleteVlanIpRange", id=made["id"])
    cloud.admin.job("updatePhysicalNetwork", **wider)


def test_a_shared_network_has_more_than_one_range(cloud: Cloud, red: Client) -> None:
    shared = cloud.network(
        cloud.admin, "shared", SHARED, gateway="198.51.100.1", netmask="255.255.255.0", vlan=900,
        startip="198.51.100.10", endip="198.51.100.10", acltype="Domain",
    )  # fmt: skip
    cloud.machine(red, "one", networkids=shared["id"])
    full = refused(
        red, "deployVirtualMachine", **cloud.machine_arguments(), name="two", networkids=shared["id"]
    )
    assert full[0] == 533
    more = cloud.admin.call("createVlanIpRange", networkid=shared["id"], startip="198.51.100.20")["vlan"]
    two = cloud.machine(red, "two", networkids=shared["id"])
    assert two["nic"][0]["ipaddress"] == "198.51.100.20"
    ranges = cloud.admin.call("listVlanIpRanges", networkid=shared["id"])["vlaniprange"]
    assert [each["startip"] for each in ranges] == ["198.51.100.10", "198.51.100.20"]
    assert refused(cloud.admin, "deleteVlanIpRange", id=more["id"])[0] == 536
    red.job("destroyVirtualMachine", id=two["id"], expunge="true")
    cloud.admin.call("deleteVlanIpRange", id=more["id"])
    assert len(cloud.admin.call("listVlanIpRanges", networkid=shared["id"])["vlaniprange"]) == 1


def test_the_first_address_of_a_network_is_its_source_nat(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    network = cloud.network(red, "net")["id"]
    first, second = taken(red, networkid=network), taken(red, networkid=network)
    assert (first["issourcenat"], second["issourcenat"]) == (True, False)
    assert first["ipaddress"], second["ipaddress"] == ("203.0.113.10", "203.0.113.11")
    assert second["associatednetworkid"] == network
    assert second["state"] == "Allocated"
    code, text = refused(red, "disassociateIpAddress", id=first["id"])
    assert code == 431 and "source nat" in text
    red.job("disassociateIpAddress", id=second["id"])
    assert listed(red) == ["203.0.113.10"]
    red.job("deleteNetwork", id=network)
    assert listed(red) == []
    assert cloud.snapshot.count(PublicAddress) == 0


def test_a_machine_that_starts_takes_source_nat_for_its_network(cloud: Cloud, red: Client) -> None:
    public_range(cloud, "203.0.113.10", "203.0.113.10")
    network, other = cloud.network(red, "net")["id"], cloud.network(red, "other")["id"]
    assert listed(red) == []
    machine = cloud.machine(red, "vm", networkids=network, startvm="false")
    assert listed(red) == []
    red.job("startVirtualMachine", id=machine["id"])
    assert listed(red, associatednetworkid=network, issourcenat="true") == ["203.0.113.10"]
    code, text = refused(
        red, "deployVirtualMachine", **cloud.machine_arguments(), name="two", networkids=other
    )
    assert code == 533 and "no public address is left" in text


def test_without_public_ranges_networks_work(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    cloud.machine(red, "vm", networkids=network)
    assert listed(red) == []
    assert refused(red, "associateIpAddress", networkid=network)[0] == 533


def test_a_vpc_goes_out_under_one_address(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    vpc = cloud.vpc(red)["id"]
    assert listed(red, vpcid=vpc, issourcenat="true") == ["203.0.113.10"]
    tier = cloud.network(red, "tier", TIER, vpcid=vpc, gateway="10.20.1.1", netmask="255.255.255.0")["id"]
    address = taken(red, networkid=tier)
    assert (address["vpcid"], address["issourcenat"]) == (vpc, False)
    assert "associatednetworkid" not in address
    red.job("deleteNetwork", id=tier)
    red.job("deleteVPC", id=vpc)
    assert listed(red) == []


def test_a_wanted_address_is_given_or_refused_by_name(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    network = cloud.network(red, "net")["id"]
    assert taken(red, networkid=network, ipaddress="203.0.113.50")["ipaddress"] == "203.0.113.50"
    for address, said in (("203.0.113.50", "is taken"), ("203.0.113.5", "is not in a public range")):
        assert said in refused(red, "associateIpAddress", networkid=network, ipaddress=address)[1]


def test_ranges_kept_for_somebody_are_nobody_elses(cloud: Cloud, red: Client) -> None:
    blue = cloud.account("blue")
    (domain,) = cloud.admin.call("listDomains")["domain"]
    anybodys = public_range(cloud, "203.0.113.10", "203.0.113.10")
    reds = public_range(cloud, "203.0.113.20", "203.0.113.20")
    cloud.admin.call("dedicatePublicIpRange", id=reds["id"], domainid=domain["id"], account="red")
    (shown,) = cloud.admin.call("listVlanIpRanges", account="red", domainid=domain["id"])["vlaniprange"]
    assert (shown["id"], shown["account"]) == (reds["id"], "red")
    assert taken(red, zoneid=cloud.zone)["ipaddress"] == "203.0.113.20"
    assert taken(blue, zoneid=cloud.zone)["ipaddress"] == "203.0.113.10"
    assert refused(blue, "associateIpAddress", zoneid=cloud.zone)[0] == 533
    assert refused(cloud.admin, "deleteVlanIpRange", id=anybodys["id"])[0] == 536
    busy = refused(
        cloud.admin, "dedicatePublicIpRange", id=anybodys["id"], domainid=domain["id"], account="red"
    )
    assert busy[0] == 536
    cloud.admin.call("releasePublicIpRange", id=reds["id"])
    assert "account" not in cloud.admin.call("listVlanIpRanges", id=reds["id"])["vlaniprange"][0]


def test_addresses_of_others_are_invisible_and_untouchable(cloud: Cloud, red: Client) -> None:
    public_range(cloud)
    address = taken(red, zoneid=cloud.zone)
    blue = cloud.account("blue")
    assert listed(blue) == []
    for command in ("disassociateIpAddress", "updateIpAddress", "releaseIpAddress"):
        assert refused(blue, command, id=address["id"])[0] == 531
    assert refused(blue, "listPublicIpAddresses", id=address["id"])[0] == 531


def test_free_addresses_are_listed_for_administrators_and_can_be_kept(cloud: Cloud, red: Client) -> None:
    public_range(cloud, "203.0.113.10", "203.0.113.12")
    taken(red, zoneid=cloud.zone)
    free = cloud.admin.call("listPublicIpAddresses", allocatedonly="false", state="Free")["publicipaddress"]
    assert [each["ipaddress"] for each in free] == ["203.0.113.11", "203.0.113.12"]
    assert not any("account" in each or "allocated" in each for each in free)
    assert listed(red, allocatedonly="false") == ["203.0.113.10"]
    kept = red.call("reserveIpAddress", id=free[1]["id"])["ipaddress"]
    assert (kept["state"], kept["id"], kept["ipaddress"]) == ("Reserved", free[1]["id"], "203.0.113.12")
    assert "is taken" in refused(red, "reserveIpAddress", id=free[1]["id"])[1]
    red.call("releaseIpAddress", id=kept["id"])
    assert listed(red) == ["203.0.113.10"]
    nowhere = refused(red, "reserveIpAddress", id="00000000-0000-4000-8000-00000000dead")
    assert "entity does not exist" in nowhere[1]


def test_a_range_shrinks_only_around_what_is_taken(cloud: Cloud, red: Client) -> None:
    made = public_range(cloud)
    taken(red, zoneid=cloud.zone, ipaddress="203.0.113.50")
    code, text = refused(cloud.admin, "updateVlanIpRange", id=made["id"], endip="203.0.113.49")
    assert code == 431 and "203.0.113.50 is not in 203.0.113.10..203.0.113.49" in text
    cloud.admin.call("updateVlanIpRange", id=made["id"], startip="203.0.113.50", endip="203.0.113.50")
    (kept,) = cloud.snapshot.all(PublicRange)
    assert str(kept.first) == str(kept.last) == "203.0.113.50"
    assert refused(red, "associateIpAddress", zoneid=cloud.zone)[0] == 533
