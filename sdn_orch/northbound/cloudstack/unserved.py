"""What CloudStack's calls take and is not carried out here: refused by name, or accepted openly.

A network that was to keep its machines apart, or a machine that was to run on one host, must not come out as
something else: that is refused. What clients send out of habit, and what means nothing to networks, is
accepted without effect, and said so in the documentation. Whatever else calls take is carried out; a test
goes through all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sdn_orch.northbound.cloudstack.faults import bad

_NOTHING: Final = ("", "none")
#: Of routing by BGP, and of prefixes that a zone's pool gives.
_ROUTED: Final = {"asnumber": "", "bgppeerids": "", "cidrsize": ""}
_RANGE6: Final = {"startipv6": "", "endipv6": ""}
#: For some domains and zones alone; through other controllers; how hypervisors treat ports.
_OFFERING: Final = {
    "specifyasnumber": "false",
    "domainid": "",
    "zoneid": "",
    "provider": "",
    "fornsx": "false",
    "nsxsupportlb": "false",
}
_OFFERED_TO: Final = {"domainid": "public", "zoneid": "all"}
#: Another id for what has one already.
_CUSTOM_ID: Final = {"customid": ""}
#: Where a machine runs: hypervisors are not ours to choose.
_PLACE: Final = {"hostid": "", "clusterid": "", "podid": "", "deploymentplanner": ""}
#: What becomes of a machine when its time is up, and what a hypervisor is told of it.
_MACHINE: Final = {"leaseduration": "", "leaseexpiryaction": "", "extraconfig": "", "userdatadetails": ""}

#: By command: the parameter, and the value that asks for nothing else than what is done here.
UNSERVED: Final[Mapping[str, Mapping[str, str]]] = {
    "addNetworkServiceProvider": {"destinationphysicalnetworkid": ""},
    "addTrafficType": {"isolationmethod": "", "vlan": ""},
    "associateIpAddress": {"regionid": "1"},
    "createAccount": {"accountdetails": ""},
    "createEgressFirewallRule": {"type": "user"},
    "createFirewallRule": {"type": "user"},
    "createNetwork": {
        "isolatedpvlan": "",
        "isolatedpvlantype": "none",
        "associatednetworkid": "",
        "hideipaddressusage": "false",
        "routerip": "",
        "routeripv6": "",
        "tungstenvirtualrouteruuid": "",
        **_RANGE6,
        **_ROUTED,
    },
    "createNetworkOffering": {
        "details": "",
        "fortungsten": "false",
        "nsxsupportsinternallb": "false",
        **_OFFERING,
    },
    "createPhysicalNetwork": {"domainid": ""},
    "createVPCOffering": {**_OFFERING, "networkmode": "natted", "routingmode": "static"},
    "createVPC": {"userouteripresolver": "false", **_ROUTED},
    "createPrivateGateway": {"networkofferingid": "", "associatednetworkid": ""},
    "createIpForwardingRule": {"cidrlist": ""},
    "createVlanIpRange": {"forsystemvms": "false", "podid": "", "provider": "", **_RANGE6},
    "createZone": {
        "domainid": "",
        "isedge": "false",
        "securitygroupenabled": "false",
        "storageaccessgroups": "",
    },
    "deployVirtualMachine": {
        "dhcpoptionsnetworklist": "",
        "nicnetworklist": "",
        "affinitygroupids": "",
        "affinitygroupnames": "",
        "datadiskofferinglist": "",
        "datadisksdetails": "",
        "diskofferingid": "",
        "overridediskofferingid": "",
        "snapshotid": "",
        "volumeid": "",
        **_PLACE,
        **_MACHINE,
    },
    "destroyVirtualMachine": {"volumeids": ""},
    "addNicToVirtualMachine": {"dhcpoptions": ""},
    "listVirtualMachines": {"userdataid": ""},
    "queryAsyncJobResult": {"resourceid": "", "resourcetype": ""},
    "startVirtualMachine": _PLACE,
    "updateNetwork": {
        "guestvmcidr": "",
        "changecidr": "false",
        "sourcenatipaddress": "",
        "hideipaddressusage": "false",
        **_CUSTOM_ID,
    },
    "updateNetworkOffering": _OFFERED_TO,
    "updateResourceCount": {"tag": ""},
    "updateResourceLimit": {"tag": ""},
    "updateVirtualMachine": {
        "dhcpoptionsnetworklist": "",
        "deleteprotection": "false",
        "instancename": "",
        **_CUSTOM_ID,
        **_MACHINE,
    },
    "updateVlanIpRange": {"forsystemvms": "false", "ip6cidr": "", "ip6gateway": "", **_RANGE6},
    "updateVPC": {"sourcenatipaddress": "", **_CUSTOM_ID},
    "updateVPCOffering": _OFFERED_TO,
    "updateZone": {"details": "", "dhcpprovider": "", "dnssearchorder": "", "ispublic": "true"},
    "uploadSslCert": {"enabledrevocationcheck": "false"},
    **dict.fromkeys(
        (
            "moveNetworkAclItem",
            "updateEgressFirewallRule",
            "updateFirewallRule",
            "updateIpAddress",
            "updateIpv6FirewallRule",
            "updateLBHealthCheckPolicy",
            "updateLBStickinessPolicy",
            "updateLoadBalancer",
            "updateLoadBalancerRule",
            "updateNetworkACLItem",
            "updateNetworkACLList",
            "updatePortForwardingRule",
            "updateRoutingFirewallRule",
            "updateSecurityGroup",
        ),
        _CUSTOM_ID,
    ),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Parameters without effect here, of some calls, and why nothing is lost by it."""

    parameters: frozenset[str]
    calls: frozenset[str]
    why: str


def _accepted(parameters: str, calls: str, why: str) -> Accepted:
    return Accepted(frozenset(parameters.split()), frozenset(calls.split()), why)


WITHOUT_EFFECT: Final = (
    _accepted(
        "showicon",
        "listAccounts listDomainChildren listDomains listNetworks listProjects listTemplates listUsers"
        " listVPCs listVirtualMachines listZones",
        "nothing has an icon",
    ),
    _accepted(
        "details",
        "listAccounts listDomains listProjects listTemplates listVirtualMachines",
        "answers have all their details",
    ),
    _accepted("tag", "listAccounts listDomains", "nothing is counted or limited by tag"),
    _accepted(
        "listall isrecursive",
        "listResourceLimits",
        "the limits of one account, project or domain are listed, in CloudStack too",
    ),
    _accepted("showcapacities", "listPods listZones", "capacities are listed by listCapacity"),
    _accepted("fetchlatest", "listCapacity", "what is listed is counted for the answer"),
    _accepted("archived", "listEvents", "no event is archived"),
    _accepted("duration entrytime", "listEvents", "CloudStack too does nothing with them"),
    _accepted("peers", "listManagementServers", "there is one server"),
    _accepted("showremoved showunique", "listTemplates", "each template is there once"),
    _accepted("accumulate", "listVirtualMachines", "machines have no statistics of their hypervisors"),
    _accepted(
        "bypassvlanoverlapcheck",
        "createNetwork createPrivateGateway",
        "what overlaps is refused all the same",
    ),
    _accepted(
        "account domainid isrecursive listall projectid",
        "listServiceOfferings listTemplates",
        "all of them are for everybody",
    ),
    _accepted("networktype", "createZone", "there is one type, Advanced"),
    _accepted("traffictype", "createNetworkOffering", "there is one sort, Guest"),
    _accepted("makeredundant", "restartNetwork restartVPC", "no gateway is a single point of failure"),
    _accepted("forced", "deleteNetwork", "no state keeps a network from being deleted, machines in it do"),
    _accepted("resume", "migrateNetwork", "no migration is left half done"),
    _accepted("start", "createVPC", "VPCs need no start"),
    _accepted("forced", "rebootVirtualMachine stopVirtualMachine", "NICs are let in and cut off at once"),
    _accepted("expunge", "destroyVirtualMachine", "what a machine has is free at once"),
    _accepted("forced updateinsequence", "updateNetwork", "there are no routers that could be in the way"),
    _accepted("providertype", "createVirtualRouterElement", "the provider says it"),
    _accepted(
        "bootintosetup bootmode boottype copyimagetags details dynamicscalingenabled externaldetails"
        " iodriverpolicy iothreadsenabled keyboard nicmultiqueuenumber nicpackedvirtqueuesenabled properties"
        " rootdisksize size",
        "deployVirtualMachine",
        "it is the hypervisor's, which runs the machine elsewhere, and changes nothing in networks",
    ),
    _accepted("bootintosetup", "rebootVirtualMachine startVirtualMachine", "it is the hypervisor's"),
    _accepted("considerlasthost", "startVirtualMachine", "it is the hypervisor's"),
    _accepted(
        "cleanupdetails details haenable isdynamicallyscalable ostypeid",
        "updateVirtualMachine",
        "it is the hypervisor's",
    ),
)


def refuse_unserved(command: str, given: Mapping[str, str]) -> None:
    """Raises a parameter fault for what would have no effect; `given` has lower-case names."""
    known = UNSERVED.get(command)
    for key, value in given.items() if known else ():
        name = key.partition("[")[0]
        if known and name in known and value.lower() not in (*_NOTHING, known[name]):
            raise bad(f"Unable to execute API command {command.lower()}: parameter {name} is not served here")
