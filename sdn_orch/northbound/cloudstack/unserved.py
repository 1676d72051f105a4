"""What CloudStack's calls take about networks and is not carried out here: refused, never left out.

A network that was to keep its machines apart, or a range that was to be kept for system machines, must not
come out as something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sdn_orch.northbound.cloudstack.faults import bad

_NOTHING: Final = ("", "none")
#: Of routing by BGP, and of prefixes that a zone's pool gives.
_ROUTED: Final = {"asnumber": "", "bgppeerids": "", "cidrsize": ""}
_RANGE6: Final = {"startipv6": "", "endipv6": ""}
_OFFERING: Final = {"networkmode": "natted", "routingmode": "static", "specifyasnumber": "false"}

#: By command: the parameter, and the value that asks for nothing else than what is done here.
UNSERVED: Final[Mapping[str, Mapping[str, str]]] = {
    "createNetwork": {
        "isolatedpvlan": "",
        "isolatedpvlantype": "none",
        "associatednetworkid": "",
        "hideipaddressusage": "false",
        "routerip": "",
        "routeripv6": "",
        **_RANGE6,
        **_ROUTED,
    },
    "updateNetwork": {"guestvmcidr": "", "changecidr": "false", "sourcenatipaddress": ""},
    "createNetworkOffering": _OFFERING,
    "createVPCOffering": _OFFERING,
    "createVPC": _ROUTED,
    "updateVPC": {"sourcenatipaddress": ""},
    "createPrivateGateway": {"networkofferingid": "", "associatednetworkid": ""},
    "createIpForwardingRule": {"cidrlist": ""},
    "createVlanIpRange": {"forsystemvms": "false", **_RANGE6},
    "updateVlanIpRange": {"forsystemvms": "false", "ip6cidr": "", "ip6gateway": "", **_RANGE6},
    "deployVirtualMachine": {"dhcpoptionsnetworklist": "", "nicnetworklist": ""},
    "updateVirtualMachine": {"dhcpoptionsnetworklist": ""},
    "addNicToVirtualMachine": {"dhcpoptions": ""},
}


def refuse_unserved(command: str, given: Mapping[str, str]) -> None:
    """Raises a parameter fault for what would have no effect; `given` has lower-case names."""
    known = UNSERVED.get(command)
    for key, value in given.items() if known else ():
        name = key.partition("[")[0]
        if known and name in known and value.lower() not in (*_NOTHING, known[name]):
            raise bad(f"Unable to execute API command {command.lower()}: parameter {name} is not served here")
