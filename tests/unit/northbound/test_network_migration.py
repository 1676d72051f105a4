"""Networks that move to another offering and another physical network."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.model import Network
from tests.cloudstack import ISOLATED, L2, Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused


@pytest.fixture
def fast(cloud: Cloud) -> str:
    """Another physical network with the tag `fast`, enabled."""
    made = cloud.admin.job(
        "createPhysicalNetwork", name="fast", zoneid=cloud.zone, isolationmethods="VXLAN", vlan="5000-5001",
        tags="fast",
    )["physicalnetwork"]["id"]  # fmt: skip
    cloud.admin.job("updatePhysicalNetwork", id=made, state="Enabled")
    return str(made)


def offering(cloud: Cloud, name: str, services: str = "Dhcp,Dns,SourceNat,Firewall", **more: object) -> str:
    """A new offering, enabled."""
    given = {"guestiptype": "Isolated", "traffictype": "GUEST", "supportedservices": services}
    made = cloud.admin.call("createNetworkOffering", name=name, displaytext=name, **(given | more))
    id = str(made["networkoffering"]["id"])
    cloud.admin.call("updateNetworkOffering", id=id, state="Enabled")
    return id


def failure(cloud: Cloud, **given: object) -> tuple[int, str]:
    result = cloud.admin.failed_or_done("migrateNetwork", **given)["jobresult"]
    return result["errorcode"], result["errortext"]


def test_a_network_moves_with_what_is_in_it(cloud: Cloud, red: Client, fast: str) -> None:
    public_range(cloud)
    network = cloud.running(red, "net")
    (vm,) = red.call("listVirtualMachines")["virtualmachine"]
    (address,) = red.call("listPublicIpAddresses")["publicipaddress"]
    new = offering(cloud, "fast", tags="fast")
    moved = cloud.admin.job("migrateNetwork", networkid=network["id"], networkofferingid=new)["network"]
    expected = {"id": network["id"], "physicalnetworkid": fast, "networkofferingid": new, "vlan": "5000"}
    assert moved | expected == moved
    assert (moved["state"], moved["broadcasturi"]) == ("Implemented", "vxlan://5000")
    assert red.call("listVirtualMachines")["virtualmachine"][0]["nic"] == [
        {**vm["nic"][0], "networkid": network["id"]}
    ]
    assert red.call("listPublicIpAddresses")["publicipaddress"][0]["id"] == address["id"]
    # The VLAN is free again, and so is the VNI when the network goes back.
    assert cloud.running(red, "other")["vlan"] == "100"
    back = {"networkid": network["id"], "networkofferingid": offering(cloud, "plain", tags="")}
    assert cloud.admin.job("migrateNetwork", **back)["network"]["vlan"] == "5000"
    assert cloud.admin.call("listGuestVlans", physicalnetworkid=fast, allocatedonly="true")["count"] == 1


def test_a_network_that_is_not_implemented_is_not_there_either(cloud: Cloud, red: Client, fast: str) -> None:
    network = cloud.network(red, "net")["id"]
    new = offering(cloud, "fast", tags="fast")
    given = {"networkid": network, "networkofferingid": new}
    moved = cloud.admin.job("migrateNetwork", **given, resume="true")["network"]
    assert (moved["state"], moved["physicalnetworkid"], "vlan" in moved) == ("Allocated", fast, False)
    before: Any = cloud.snapshot.need(Network, network)
    cloud.admin.job("migrateNetwork", **given)
    assert cloud.snapshot.need(Network, network) == before
    cloud.machine(red, "vm", networkids=network)
    assert cloud.snapshot.need(Network, network).vni == 5000


def test_what_a_network_cannot_become(cloud: Cloud, red: Client, fast: str) -> None:
    network, tier = cloud.network(red, "net")["id"], cloud.tier(red, cloud.vpc(red)["id"], "10.20.1.1")["id"]
    fitting, on = offering(cloud, "fast", tags="fast"), {"networkid": network}
    assert failure(cloud, networkid=tier, networkofferingid=fitting) == (
        431, "Failed to migrate network as the specified network is a vpc tier. Use migrateVpc."
    )  # fmt: skip
    for_vpc = cloud.offerings["DefaultIsolatedNetworkOfferingForVpcNetworks"]
    assert failure(cloud, **on, networkofferingid=for_vpc) == (
        431, "Failed to migrate network as the specified network offering is a VPC offering"
    )  # fmt: skip
    old, layer2 = cloud.offerings[ISOLATED], cloud.offerings[L2]
    assert failure(cloud, **on, networkofferingid=layer2) == (
        431, f"Can't upgrade from network offering {old} to {layer2}; check logs for more information"
    )  # fmt: skip
    cloud.admin.call("updateNetworkOffering", id=fitting, state="Disabled")
    assert failure(cloud, **on, networkofferingid=fitting) == (
        431, "Failed to migrate network as the specified network offering is not enabled."
    )  # fmt: skip
    lost = offering(cloud, "lost", tags="nowhere")
    assert failure(cloud, **on, networkofferingid=lost) == (
        431, "Unable to find physical network which match the tags nowhere"
    )  # fmt: skip
    red.job("createEgressFirewallRule", networkid=network, protocol="tcp", startport=80)
    poor = offering(cloud, "poor", "Dhcp,Dns")
    assert failure(cloud, **on, networkofferingid=poor)[1].endswith("the network uses Firewall")
    assert refused(red, "migrateNetwork", **on, networkofferingid=poor)[0] == 432


def test_where_the_pool_is_empty_nothing_moves(cloud: Cloud, red: Client, fast: str) -> None:
    cloud.admin.job("updatePhysicalNetwork", id=fast, vlan="5000")
    new = offering(cloud, "fast", tags="fast")
    ids = [cloud.running(red, name)["id"] for name in ("a", "b")]
    cloud.admin.job("migrateNetwork", networkid=ids[0], networkofferingid=new)
    before = cloud.snapshot.need(Network, ids[1])
    assert failure(cloud, networkid=ids[1], networkofferingid=new)[0] == 533
    assert cloud.snapshot.need(Network, ids[1]) == before


def test_gateways_answer_names_where_the_offering_has_the_service(cloud: Cloud, red: Client) -> None:
    network = cloud.running(red, "net")

    def answers() -> bool:
        return cloud.service.snapshot.need(Network, network["id"]).answers_names

    assert answers()
    without = offering(cloud, "without", "Dhcp,SourceNat,Firewall")
    cloud.admin.job("migrateNetwork", networkid=network["id"], networkofferingid=without)
    assert not answers()
    red.job("updateNetwork", id=network["id"], networkofferingid=offering(cloud, "with"))
    assert answers()
