"""What an installation has: the extension and what it serves, its registration, actions and offerings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from sdn_orch.northbound.cloudstack import stickiness

SERVICES = (
    "Dhcp", "Dns", "UserData", "SourceNat", "StaticNat", "PortForwarding", "Firewall", "Lb", "NetworkACL",
    "CustomAction",
)  # fmt: skip
#: What a service does of what CloudStack knows of it; what is not here is not constrained.
CAPABILITIES: dict[str, dict[str, str]] = {
    "SourceNat": {"SupportedSourceNatTypes": "peraccount", "RedundantRouter": "false"},
    "StaticNat": {"Supported": "true"},
    "PortForwarding": {"SupportedProtocols": "tcp,udp"},
    "Firewall": {
        "SupportedProtocols": "tcp,udp,icmp",
        "SupportedEgressProtocols": "tcp,udp,icmp,all",
        "SupportedTrafficDirection": "ingress,egress",
        "MultipleIps": "true",
    },
    "Lb": {
        "SupportedLBAlgorithms": "roundrobin,leastconn,source",
        "SupportedLBIsolation": "dedicated",
        "SupportedProtocols": "tcp,udp,tcp-proxy",
        # Commands do not tell of it: sync does.
        "SupportedStickinessMethods": stickiness.capability(),
        "LbSchemes": "Public",
        "SslTermination": "false",
        "VmAutoScaling": "false",
    },
    # A network has one prefix here, and all of it is told with each machine's entry.
    "Dhcp": {"DhcpAccrossMultipleSubnets": "false"},
    "Dns": {"AllowDnsSuffixModification": "true", "ExternalDns": "true"},
    "NetworkACL": {"SupportedProtocols": "tcp,udp,icmp"},
    "UserData": {"Supported": "true"},
    "CustomAction": {"Supported": "true"},
}
#: Parameters of each action, of those that need some.
ACTIONS: dict[str, tuple[tuple[str, bool], ...]] = {
    "status": (),
    "trace": (("from", True), ("to", True), ("port", False)),
    "counters": (),
    "resync": (),
}
#: What is registered, and with what.
REGISTRATION = {"extensionid": "{extension}", "resourcetype": "PhysicalNetwork", "resourceid": "{network}"}
ENABLED, DISABLED = "Enabled", "Disabled"
_OF_NETWORKS = tuple(service for service in SERVICES if service != "NetworkACL")
_OF_TIERS = tuple(service for service in SERVICES if service != "Firewall")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that should be there: the call that makes it, and the one that lists it.

    Arguments may have `{extension}`, `{network}` (the physical one) and `{provider}` in them, the ids of what
    was made before. `found_by`: what of a listed row says that it is this one. `gives`: what its id is for.
    """

    what: str
    make: str
    arguments: dict[str, str]
    look: str
    listing: dict[str, str]
    found_by: dict[str, str]
    gives: str = ""
    #: What enables it, where it is made disabled, and disables it before its end: with its id and a state.
    update: str = ""
    #: What ends it, with its id.
    end: str = ""
    #: Arguments that are not for everybody's eyes.
    hidden: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How it is to be installed."""

    name: str
    physical_network: str
    url: str
    token: str
    cafile: str = ""
    cloud: str = ""
    #: Whether the extension says how networks are told apart, rather than CloudStack by VLANs or VNIs.
    chooses_segments: bool = False

    @property
    def extension_details(self) -> dict[str, str]:
        """Of the extension."""
        details = {
            "network.services": ",".join(SERVICES),
            "network.service.capabilities": json.dumps(CAPABILITIES, separators=(",", ":")),
            "network.allocate.extension.ip": "false",
        }
        return details | ({"network.isolation.method": "NetworkExtension"} if self.chooses_segments else {})

    @property
    def registration_details(self) -> dict[str, str]:
        """Of the registration with the physical network."""
        details = {"url": self.url, "password": self.token, "cafile": self.cafile, "cloud": self.cloud}
        details["isolation"] = "extension" if self.chooses_segments else ""
        return {name: value for name, value in details.items() if value}

    def steps(self) -> Iterator[Step]:
        """Everything, in order."""
        yield Step(
            f"the extension {self.name}",
            "createExtension",
            {"name": self.name, "type": "NetworkOrchestrator", "path": f"{self.name}.py"}
            | _details(self.extension_details),
            "listExtensions",
            {"name": self.name},
            {"name": self.name},
            gives="extension",
            end="deleteExtension",
        )
        yield Step(
            f"its registration with the physical network {self.physical_network}",
            "registerExtension",
            REGISTRATION | _details(self.registration_details),
            "listNetworkServiceProviders",
            {"name": self.name, "physicalnetworkid": "{network}"},
            {"name": self.name},
            gives="provider",
            update="updateNetworkServiceProvider",
            end="deleteNetworkServiceProvider",
            hidden=frozenset(["details[0].password"]),
        )
        for prefix, kind in (("", "Network"), ("vpc-", "Vpc")):
            for name, parameters in ACTIONS.items():
                yield self._action(f"{prefix}{name}", kind, parameters)
        for suffix, guest_type, services, more in _OFFERINGS:
            yield self._offering(f"{self.name}-{suffix}", guest_type, services, more)
        yield self._vpc_offering(f"{self.name}-vpc")

    def _action(self, name: str, kind: str, parameters: tuple[tuple[str, bool], ...]) -> Step:
        arguments = {"extensionid": "{extension}", "name": name, "resourcetype": kind, "enabled": "true"}
        for position, (parameter, is_required) in enumerate(parameters):
            arguments |= {
                f"parameters[{position}].name": parameter,
                f"parameters[{position}].type": "STRING",
                f"parameters[{position}].required": str(is_required).lower(),
            }
        return Step(
            f"the action {name}",
            "addCustomAction",
            arguments,
            "listCustomActions",
            {"extensionid": "{extension}", "name": name},
            {"name": name},
            end="deleteCustomAction",
        )

    def _offering(self, name: str, guest_type: str, services: tuple[str, ...], more: dict[str, str]) -> Step:
        arguments = {
            "name": name,
            "displaytext": f"{name}: in the switches, without a virtual router",
            "guestiptype": guest_type,
            "traffictype": "GUEST",
        }
        return Step(
            f"the offering {name}",
            "createNetworkOffering",
            arguments | more | self._served(services),
            "listNetworkOfferings",
            {"name": name},
            {"name": name},
            update="updateNetworkOffering",
            end="deleteNetworkOffering",
        )

    def _vpc_offering(self, name: str) -> Step:
        return Step(
            f"the VPC offering {name}",
            "createVPCOffering",
            {"name": name, "displaytext": f"{name}: in the switches, without a virtual router"}
            | self._served(_OF_TIERS),
            "listVPCOfferings",
            {"name": name},
            {"name": name},
            update="updateVPCOffering",
            end="deleteVPCOffering",
        )

    def _served(self, services: tuple[str, ...]) -> dict[str, str]:
        """Every service by us."""
        found = {"supportedservices": ",".join(services)}
        for position, service in enumerate(services):
            found[f"serviceproviderlist[{position}].service"] = service
            found[f"serviceproviderlist[{position}].provider"] = self.name
        if "SourceNat" in services:
            found |= {
                "servicecapabilitylist[0].service": "SourceNat",
                "servicecapabilitylist[0].capabilitytype": "SupportedSourceNatTypes",
                "servicecapabilitylist[0].capabilityvalue": "peraccount",
            }
        return found


_OFFERINGS: tuple[tuple[str, str, tuple[str, ...], dict[str, str]], ...] = (
    ("isolated", "Isolated", _OF_NETWORKS, {}),
    ("tier", "Isolated", _OF_TIERS, {"usevpc": "on"}),
    ("shared", "Shared", ("Dhcp", "Dns", "UserData"), {"specifyvlan": "true", "specifyipranges": "true"}),
    # An offering without any service of the extension would never reach it.
    ("l2", "L2", ("UserData",), {}),
)


def reference(argument: str) -> str | None:
    """Whose id is meant: `extension` by `{extension}`; None where an argument is what it says."""
    return argument[1:-1] if argument in ("{extension}", "{network}", "{provider}") else None


def _details(pairs: dict[str, str]) -> dict[str, str]:
    return {f"details[0].{name}": value for name, value in pairs.items()}
